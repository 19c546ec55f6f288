"""Idempotency keys: one stands for one request, so that a repeated request can be told from another one.

The client makes up a key for each thing that it wants done once (draft-ietf-httpapi-idempotency-key-header). What was
repeated goes on to what stands behind the gate, which knows what it answered; what comes with a key that was used
for anything else is refused as `idempotency_conflict`. Of two requests that come at once with the same key and
are not the same, one goes on.

The same request is one of the same method, the same target with its query, and the same body, byte for byte. An
idempotency key belongs to whoever asks: two of them never meet.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final, Protocol

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal, refuse
from durwan.state.identity import identity
from durwan.state.store import LimitCharge, Record, UsedUp

DAY: Final = 86_400_000
MOST: Final = 100_000
_KIND: Final = "idempotency"
# What needs no quoting anywhere, at most 128 of it; quoted, as the draft has it, or not, it is the same key.
_WRITTEN: Final = re.compile(rb'([A-Za-z0-9._~:-]{1,128})|"([A-Za-z0-9._~:-]{1,128})"')
_MALFORMED: Final = refuse("header_refused", "the idempotency key is not 1 to 128 letters, digits and . _ ~ : -")
_REPEATED: Final = refuse("header_refused", "the request has more than one idempotency key")
_MISSING: Final = refuse("header_refused", "this has to be asked with an idempotency key")


class Keeper(Protocol):
    """What remembers: any `durwan.state.store.StateStore` does."""

    def get(self, kind: str, record_id: str, *, now: int) -> Record | None:
        """The record of that id."""
        ...

    def keep_first(self, record: Record, *, now: int) -> Record:
        """Keeps a record unless there is one of its id, and returns the one that is kept now."""
        ...

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """Charges all, or none and returns those that have no room."""
        ...


class Idempotency:
    """Remembers which request an idempotency key was used for. Safe from any thread; never raises for a request.

    Args:
        store: what remembers, for all gateways that share it.
        period: for how many milliseconds.
        most: how many new keys somebody may use in that time, so that nobody fills the store.
        required: whether a request without a key is refused.
    """

    def __init__(self, store: Keeper, *, period: int = DAY, most: int = MOST, required: bool = False) -> None:
        self._store = store
        self._period = period
        self._most = most
        self._required = required

    def check(self, who: str, raw: RawRequest, header: str, now: int) -> Refusal | None:
        """Why a request is refused; None where its key is new, was used for the same request, or may be left out.

        Args:
            who: whoever asks, such as the id of a key that was proved.
            raw: the request, with its body.
            header: the name of the header that has the key, in lower case.
            now: the present instant.
        """
        written = [value for name, value in raw.headers if name.lower() == header.encode()]
        if not written:
            return _MISSING if self._required else None
        if len(written) > 1:
            return _REPEATED
        found = _WRITTEN.fullmatch(written[0])
        if found is None:
            return _MALFORMED
        key = (found[1] or found[2]).decode("ascii")
        try:
            return self._checked(who, identity(_KIND, who, key), _digest(raw), now)
        except Exception:  # noqa: BLE001 - whatever a store raises, it has not said that the key is new
            return refuse("state_unavailable")

    def _checked(self, who: str, key: str, digest: bytes, now: int) -> Refusal | None:
        kept = self._store.get(_KIND, key, now=now)
        if kept is None:
            charge = LimitCharge(limit="idempotency keys", per=(who,), count=self._most, period=self._period)
            if used_up := self._store.charge([charge], now=now):
                at = used_up[0].retry_at
                return refuse("rate_limited", retry_after=None if at is None else max(at - now, 0) / 1000)
            record = Record(kind=_KIND, id=key, owner=who, value=digest, expires=now + self._period)
            kept = self._store.keep_first(record, now=now)
        return None if kept.value == digest else refuse("idempotency_conflict")


def _digest(raw: RawRequest) -> bytes:
    """One digest for each method, target and body: each enters with its length before it."""
    digest = hashlib.sha256()
    for part in (raw.method.encode("utf-8", "surrogatepass"), raw.target, raw.body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


__all__ = ["Idempotency", "Keeper"]
