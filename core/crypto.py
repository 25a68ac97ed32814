"""Encryption of what people tell us, and keyed hashes to find them again.

Each patient and each conversation has a data key of its own, wrapped by the master key. Losing a data key is forgetting its owner.
"""

import hmac
import os
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import BigInteger, Column, LargeBinary, Table

from core.database import metadata
from core.keyring import Keyring

data_keys = Table(
    "data_keys",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
)

_NONCE = 12
_ID = 8
_FORMAT = b"\x01"


class Unreadable(Exception):
    """A ciphertext that is damaged, belongs elsewhere, or whose key is gone."""


class DataKey:
    """The key of one patient or one conversation. What it seals opens only in the same place (`table.column`, owner)."""

    def __init__(self, id: int, secret: bytes) -> None:
        self.id = id
        self._cipher = AESGCM(secret)
        self._prefix = _FORMAT + id.to_bytes(_ID, "big")

    def seal(self, place: str, owner: int, clear: bytes) -> bytes:
        """Encrypt for one column of one owner: format, key id, nonce, then AES-256-GCM."""
        nonce = os.urandom(_NONCE)
        return self._prefix + nonce + self._cipher.encrypt(nonce, clear, _bound(place, owner))

    def open(self, place: str, owner: int, sealed: bytes) -> bytes:
        """Decrypt, or raise Unreadable."""
        head = len(self._prefix)
        if sealed[:head] != self._prefix:
            raise Unreadable(place)
        try:
            return self._cipher.decrypt(sealed[head : head + _NONCE], sealed[head + _NONCE :], _bound(place, owner))
        except (InvalidTag, ValueError) as error:  # changed, or too short to be ours
            raise Unreadable(place) from error

    def seal_text(self, place: str, owner: int, clear: str) -> bytes:
        """`seal` for text; any Python string survives, lone surrogates too."""
        return self.seal(place, owner, clear.encode("utf-8", "surrogatepass"))

    def open_text(self, place: str, owner: int, sealed: bytes) -> str:
        """`open` for text."""
        return self.open(place, owner, sealed).decode("utf-8", "surrogatepass")


def _bound(place: str, owner: int) -> bytes:
    return f"{place}:{owner}".encode()


@dataclass(frozen=True)
class Vault:
    """The clinic's master keys and look-up keys, as the settings name them."""

    master: Keyring
    lookup: Keyring

    def new_key(self, key_id: int | None = None) -> tuple[DataKey, bytes]:
        """A fresh data key, and the same wrapped for the table `data_keys`; its id is chance's where none is given."""
        key_id, secret = secrets.randbits(63) if key_id is None else key_id, AESGCM.generate_key(256)
        nonce = os.urandom(_NONCE)
        master = self.master.current
        wrapped = AESGCM(self.master.keys[master]).encrypt(nonce, secret, _bound("data_keys.wrapped", key_id))
        return DataKey(key_id, secret), master.encode() + b":" + nonce + wrapped

    def unwrap(self, key_id: int, wrapped: bytes) -> DataKey:
        """The data key again, or Unreadable when its master key is not among the settings."""
        master, _, sealed = wrapped.partition(b":")
        try:
            cipher = AESGCM(self.master.keys[master.decode()])
            secret = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound("data_keys.wrapped", key_id))
        except (KeyError, InvalidTag, ValueError) as error:
            raise Unreadable("data_keys.wrapped") from error
        return DataKey(key_id, secret)

    def lookup_key(self, kind: str, value: str) -> bytes:
        """What `value` is found by: the look-up key's id and a keyed hash, useless without the key."""
        return self._hashed(self.lookup.current, kind, value)

    def lookup_keys(self, kind: str, value: str) -> list[bytes]:
        """The same under every look-up key, so that rows made before a rotation are found too."""
        return [self._hashed(version, kind, value) for version in self.lookup.keys]

    def _hashed(self, version: str, kind: str, value: str) -> bytes:
        message = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        return version.encode() + b":" + hmac.digest(self.lookup.keys[version], message, "sha256")
