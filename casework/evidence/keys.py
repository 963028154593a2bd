"""The signing key of this installation: Ed25519, made once, readable by its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from casework.canonical import sha256_hex
from casework.errors import EvidenceBroken

RAW = serialization.Encoding.Raw


class Keys:
    """The key pair in a folder (`ed25519.pem`, mode 0600, and `ed25519.pub`); made on first use."""

    def __init__(self, folder: Path) -> None:
        """Load the pair, or make one when the folder has none."""
        self.folder = folder
        self._private = self._load() or self._make()

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of a message."""
        return self._private.sign(message)

    @property
    def public(self) -> bytes:
        """The raw 32-byte public key."""
        return public_bytes(self._private.public_key())

    @property
    def key_id(self) -> str:
        """The public key's hash: names the key without being it."""
        return sha256_hex(self.public)

    @property
    def public_path(self) -> Path:
        """The exported public key (hex), to hand to whoever verifies."""
        return self.folder / "ed25519.pub"

    def write_public(self, path: Path) -> Path:
        """Write the public key as PEM to a file that may be handed out; return its path."""
        key = self._private.public_key()
        path.parent.mkdir(parents=True, exist_ok=True)
        pem = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        path.write_bytes(key.public_bytes(*pem))
        return path

    def _load(self) -> Ed25519PrivateKey | None:
        path = self.folder / "ed25519.pem"
        if not path.exists():
            return None
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise EvidenceBroken(f"{path} is no Ed25519 key; restore it from your backup.", file=str(path))
        return key

    def _make(self) -> Ed25519PrivateKey:
        """Make a pair; when two processes race, the first one's key stands and both use it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        partial = self.folder / f"ed25519.pem.{os.getpid()}"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(partial, self.folder / "ed25519.pem")
        except FileExistsError:
            pass
        finally:
            partial.unlink()
        stored = self._load()
        assert stored is not None
        self.public_path.write_text(public_bytes(stored.public_key()).hex() + "\n", "ascii")
        return stored


def public_bytes(key: Ed25519PublicKey) -> bytes:
    """Return a public key's raw 32 bytes."""
    return key.public_bytes(RAW, serialization.PublicFormat.Raw)


def read_public(path: Path) -> bytes:
    """Read an exported public key: PEM, 64 hex digits, or 32 raw bytes."""
    data = path.read_bytes()
    if len(data) == 32:
        return data
    try:
        if data.startswith(b"-----BEGIN"):
            key = serialization.load_pem_public_key(data)
            if isinstance(key, Ed25519PublicKey):
                return public_bytes(key)
        return bytes.fromhex(data.decode("ascii").strip())
    except (UnicodeDecodeError, ValueError) as problem:
        raise EvidenceBroken(f"{path} is no Ed25519 public key.", file=str(path)) from problem


def is_signed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether the signature over the message was made with the public key's private half."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
