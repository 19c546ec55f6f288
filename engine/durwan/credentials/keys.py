"""API keys by their id: what a key source is, and the simplest of them."""

from __future__ import annotations

from collections.abc import ItemsView, Mapping
from types import MappingProxyType
from typing import Protocol


class KeySource(Protocol):
    """Where the attributes of a key are looked up by its id."""

    def get(self, key_id: str, /) -> Mapping[str, object] | None:
        """The attributes of the key as plain data, named as the prelude's `key` context; None where there is none."""
        ...


class StaticKeys:
    """Keys that do not change while the engine uses them."""

    def __init__(self, keys: Mapping[str, Mapping[str, object]] = MappingProxyType({})) -> None:
        self._keys = {key_id: dict(attributes) for key_id, attributes in keys.items()}

    def get(self, key_id: str, /) -> Mapping[str, object] | None:
        """The attributes of the key, or None."""
        return self._keys.get(key_id)

    def items(self) -> ItemsView[str, dict[str, object]]:
        """All keys with their attributes."""
        return self._keys.items()

    def __len__(self) -> int:
        return len(self._keys)
