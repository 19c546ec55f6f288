"""The records of our own tokens in the shared state."""

from __future__ import annotations

from typing import Final, Protocol

from durwan.state.store import Record

_KIND: Final = "token"


class StateRecords(Protocol):
    """The part of `durwan.state.StateStore` that tokens need. See there."""

    def put(self, record: Record, *, cap: int, now: int) -> tuple[str, ...]:
        """Keeps a record, and forgets the oldest of its kind and owner beyond `cap`: their ids."""
        ...

    def get(self, kind: str, record_id: str, *, now: int) -> Record | None:
        """The record of that id; None where there is none, or it has expired."""
        ...

    def delete(self, kind: str, record_id: str) -> None:
        """Forgets a record, if there is one."""
        ...


class StateTokenRecords:
    """Keeps the records of tokens in a store; `TokenRecords` for `OpaqueTokens`.

    Args:
        store: the store.
        most: how many tokens a client can have, or a subject where there is no client; one more ends the oldest.
    """

    def __init__(self, store: StateRecords, *, most: int = 1_000) -> None:
        self._store = store
        self._most = most

    def put(self, token_id: str, owner: str, value: bytes, *, expires: int, now: int) -> None:
        """Keeps a record; see `TokenRecords`."""
        record = Record(kind=_KIND, id=token_id, owner=owner, value=value, expires=expires)
        self._store.put(record, cap=self._most, now=now)

    def get(self, token_id: str, *, now: int) -> bytes | None:
        """The record of that id, or None."""
        found = self._store.get(_KIND, token_id, now=now)
        return None if found is None else found.value

    def delete(self, token_id: str) -> None:
        """Forgets a record, if there is one."""
        self._store.delete(_KIND, token_id)
