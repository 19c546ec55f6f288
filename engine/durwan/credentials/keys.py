"""API keys by their id: what a key source is, how it tells of changes, and the simplest of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, ItemsView, Iterable, Mapping
from contextlib import ExitStack
from types import MappingProxyType
from typing import Protocol, cast, runtime_checkable
from weakref import WeakMethod

# What is called with the ids of the keys that changed, or with None where any may have. It may be called by any thread,
# and must not change keys itself.
Listener = Callable[[Collection[str] | None], None]


class KeySource(Protocol):
    """Where the attributes of a key are looked up by its id."""

    def get(self, key_id: str, /) -> Mapping[str, object] | None:
        """The attributes of the key as plain data, named as the prelude's `key` context; None where there is none."""
        ...


@runtime_checkable
class ChangingKeys(KeySource, Protocol):
    """A key source that tells of every change, so that what was made of its keys may be remembered.

    The promise: from the moment at which `get` gives the new attributes, and before the call that changed them returns,
    every listener was called, and has returned.
    """

    def listen(self, listener: Listener, /) -> None:
        """Tells a bound method of every change from now on, for as long as somebody else holds its object."""
        ...


def tell(listeners: Iterable[Listener], changed: Collection[str] | None) -> None:
    """Calls every listener, even where one before it raises; then the error is raised."""
    with ExitStack() as calls:
        for listener in listeners:
            calls.callback(listener, changed)


class Listeners:
    """Those who are told of changes. Each is a bound method, and is held weakly."""

    def __init__(self) -> None:
        self._listeners: list[WeakMethod[Listener]] = []

    def add(self, listener: Listener) -> None:
        """One more.

        Raises:
            TypeError: it is no bound method; held weakly, anything else would be gone at once, without a word.
        """
        self._listeners.append(WeakMethod(listener, self._listeners.remove))

    def tell(self, changed: Collection[str] | None) -> None:
        """Calls them all, as `tell` does."""
        living = (each() for each in tuple(self._listeners))
        tell([listener for listener in living if listener is not None], changed)


class StaticKeys:
    """Keys that do not change while the engine uses them: a copy of what was given, which nobody can write to."""

    def __init__(self, keys: Mapping[str, Mapping[str, object]] = MappingProxyType({})) -> None:
        self._keys: dict[str, Mapping[str, object]] = {
            key_id: fixed_record(attributes) for key_id, attributes in keys.items()
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


def fixed_record(attributes: Mapping[str, object]) -> Mapping[str, object]:
    """A copy of the attributes of a key that nobody can write to."""
    return MappingProxyType({name: _fixed(value) for name, value in attributes.items()})


def _fixed(value: object) -> object:
    """The same value, in a form that cannot be changed later."""
    match value:
        # First what nearly every value is: a gateway may read a hundred thousand keys.
        case str() | bool():
            return value
        case list() | tuple():
            return tuple(map(_fixed, cast("list[object]", value)))
        case set():
            return frozenset(cast("set[object]", value))
        case dict():
            return fixed_record(cast("dict[str, object]", value))
        case _:
            return value
