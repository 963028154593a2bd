"""Proof of what was decided: signing keys, the hash chain and evidence packs."""
