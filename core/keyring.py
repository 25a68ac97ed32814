"""Secret keys by id."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Keyring:
    """Keys of one purpose; the current one is used for what is new, all of them for what exists. Never shown in a repr."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)
