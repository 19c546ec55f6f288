"""From when on a store's memory is complete, and what it can therefore not know to be new."""

from __future__ import annotations


def earliest_use(issued: int | None, expires: int, now: int) -> int:
    """An instant before which nobody can have used a nonce; see `StateStore.accept_once`.

    A request is in time for at most `expires - issued` around the instant that it claims, so it cannot have been
    accepted earlier than that before it.
    """
    claimed = now if issued is None else issued
    return claimed - (expires - claimed)


def forgotten_text(earliest: int, since: int) -> str:
    """Why a store cannot vouch that a nonce is new."""
    wait = (since - earliest + 999) // 1000
    return f"it remembers nonces since {since} only, and this one may be older; new ones are taken in {wait} s"


__all__ = ["earliest_use", "forgotten_text"]
