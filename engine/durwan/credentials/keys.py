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
    """Keys that do not change while the engine uses them: a copy of what was given, which nobody can write to."""

    def __init__(self, keys: Mapping[str, Mapping[str, object]] = MappingProxyType({})) -> None:
        self._keys: dict[str, Mapping[str, object]] = {
            key_id: MappingProxyType({name: _fixed(value) for name, value in attributes.items()})
            for key_id, attributes in keys.items()
        }

    def get(self, key_id: str, /) -> Mapping[str, object] | None:
        """The attributes of the key, or None."""
        return self._keys.get(key_id)

    def items(self) -> ItemsView[str, Mapping[str, object]]:
        """All keys with their attributes."""
        return self._keys.items()

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"<StaticKeys: {len(self)} keys>"


def _fixed(value: object) -> object:
    """The same value, in a form that cannot be changed later."""
    match value:
        case list():
            return tuple(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case set():
            return frozenset(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case _:
            return value
