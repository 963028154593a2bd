"""What leaves: the outbox, the adapters that carry it, and the worker that settles it.

Nothing reaches an adapter that was not leased from the outbox, and nothing is leased that a person has
not approved for exactly this content, these recipients and the facts as they are now.
"""
