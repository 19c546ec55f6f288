"""Looking up keys by id, what is read from them remembered for as long as they stand still."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from threading import RLock
from typing import Any, Final
from weakref import WeakValueDictionary

from durwan.credentials.keys import ChangingKeys, KeySource, Listener, StaticKeys, tell
from durwan.forking import start_all_anew
from durwan.model import types
from durwan.model.request import KeyLookup
from durwan.model.schema import Schema
from durwan.model.values import StringSet, read_value, reader

_Reader = Callable[[object], object]


def prepared(source: KeySource, schema: Schema) -> KeyLookup:
    """The lookup of a key source, which remembers what it may; see `prepared_keys`."""
    keys = prepared_keys(source, schema)
    return source.get if keys is None else keys.get


def prepared_keys(source: KeySource, schema: Schema) -> PreparedKeys | None:
    """The keys of a source, prepared for one schema; None for a source of which nothing may be remembered.

    Only of keys that stand still, or that tell of their changes, may anything be remembered.
    """
    return PreparedKeys(source, schema) if isinstance(source, (StaticKeys, ChangingKeys)) else None


class PreparedKeys(dict[str, dict[str, Any]]):
    """Keys by id, each as a plain dict of attributes in the form in which they are cheapest to read.

    Nothing is prepared before it is first asked for: then `keys[key_id]` asks the source, and from then on it is a
    lookup in a dict, without a lock. An id that the source does not know raises KeyError and is not remembered.

    No key is masked by what is remembered of it. Preparing and forgetting may meet in any order: what is prepared is
    remembered only if nothing was forgotten since before it was read, and both look at that under one lock. So once
    the source's writing call has returned, nobody finds here what the key was before.
    """

    # Generated code relies on it: every attribute that is here is as the schema reads it.
    is_read = True

    def __init__(self, source: KeySource, schema: Schema) -> None:
        super().__init__()
        self._find = source.get
        self._readers = _readers(schema)
        # A signal's handler may change keys in the midst of anything: so a thread may take it twice.
        self._lock = RLock()
        # How often something was forgotten.
        self._generation = 0
        self._listeners: list[Listener] = []
        if isinstance(source, ChangingKeys):
            source.listen(self.forget)
        _LIVING[id(self)] = self

    def on_change(self, listener: Listener) -> None:
        """Has `listener` called at every change, once a key is only found as it is now, before the writer returns.

        It is called with the ids that changed, or with None where any may have; by the writer's thread, and without a
        lock of this object being held. Who keeps things that were made of keys, and takes the place of each before it
        looks up its key, drops with these places all that was made of the old keys, even what is still to be put there.
        """
        self._listeners.append(listener)

    def forget(self, changed: Collection[str] | None) -> None:
        """Forgets these keys, or with None all, and then tells those who asked for it."""
        self._forget(changed)
        tell(tuple(self._listeners), changed)

    def start_anew(self) -> None:
        """Forgets all, in a process that was forked off: a thread that is not in it may have been at work here.

        Those who keep what was made of keys do the same for themselves.
        """
        self._lock = RLock()
        self._forget(None)

    def get(self, key_id: str, default: Any = None, /) -> Any:
        """The prepared attributes of a key; `default` where there is no such key."""
        try:
            return self[key_id]
        except KeyError:
            return default

    def _forget(self, changed: Collection[str] | None) -> None:
        with self._lock:
            self._generation += 1
            if changed is None:
                self.clear()
            else:
                for key_id in changed:
                    self.pop(key_id, None)

    def __missing__(self, key_id: object) -> dict[str, Any]:
        if type(key_id) is not str:
            raise KeyError(key_id)
        generation = self._generation
        record = self._find(key_id)
        if record is None:
            raise KeyError(key_id)
        ready = _prepare(record, self._readers)
        # A source's own lock is never taken inside of this one, nor is this one waited for: whoever has to wait goes on
        # without remembering.
        if self._lock.acquire(blocking=False):
            try:
                if generation == self._generation:
                    self[key_id] = ready
            finally:
                self._lock.release()
        return ready


_LIVING: Final[WeakValueDictionary[int, PreparedKeys]] = WeakValueDictionary()


def _after_fork() -> None:
    # Those who are told take locks of their own.
    start_all_anew()
    for keys in tuple(_LIVING.values()):
        keys.start_anew()


if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=_after_fork)


def _prepare(record: Mapping[str, object], readers: Mapping[str, _Reader]) -> dict[str, Any]:
    """The record with each attribute in the form in which it is cheapest to read; what is unknown is left out."""
    ready: dict[str, Any] = dict(record)
    for name in readers.keys() & ready.keys():
        value = readers[name](ready[name])
        if value is None:
            del ready[name]
        else:
            ready[name] = value
    return ready


def _readers(schema: Schema) -> dict[str, _Reader]:
    """How attributes of a key are read beforehand, by their names, so that no request has to look at their types."""

    def read_scopes(raw: object) -> object:
        held: Any = read_value(types.SetOf(types.Scope()), raw)
        return None if held is None else StringSet(schema.held(held))

    def read_strings(raw: object) -> object:
        members: Any = read_value(types.SetOf(types.String(None)), raw)
        return None if members is None else StringSet(members)

    def read_address(raw: object) -> object:
        # Addresses are looked up by their text.
        return None if read_value(types.Address(), raw) is None else raw

    found: dict[str, _Reader] = {}
    for path, declared in schema.attributes.items():
        context, _, name = path.partition(".")
        if context != "key":
            continue
        match declared:
            case types.Address():
                found[name] = read_address
            case types.SetOf(types.Scope()):
                found[name] = read_scopes
            case types.SetOf(types.String(None)):
                found[name] = read_strings
            case _:
                found[name] = reader(declared)
    return found
