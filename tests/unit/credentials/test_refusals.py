"""Refusals, and requests as they came: what each says, and what it must not say."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import CODES, refuse

SECRET = b"canary-5e1f"


def test_a_request_shows_nothing_of_itself() -> None:
    """Neither target, headers, body, peer nor method stand in its representation."""
    raw = RawRequest("CANARY", b"/" + SECRET, ((b"x-" + SECRET, SECRET),), SECRET, "canary-5e1f", 1)
    assert "canary" not in repr(raw).lower()
    assert repr(raw) == f"{raw}" == "<RawRequest: 12 bytes of target, 1 headers, 11 bytes of body>"


def test_a_request_cannot_be_changed() -> None:
    """What was verified is what is forwarded."""
    raw = RawRequest("GET", b"/", (), b"", "192.0.2.1", 1)
    with pytest.raises(FrozenInstanceError):
        raw.body = b"other"  # type: ignore[misc]


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_status_and_sentence(code: str) -> None:
    """A refusal has one of eight statuses, and a sentence without its code."""
    refusal = refuse(code)
    assert refusal.status in {400, 401, 403, 404, 405, 422, 429, 503}
    assert refusal.reason
    assert (refusal.code, refusal.retry_after) == (code, None)


def test_a_refusal_may_be_told_more_exactly() -> None:
    """Another sentence and the time to wait may be given; another code may not."""
    refusal = refuse("rate_limited", "at most 10 in a second", 0.5)
    assert (refusal.reason, refusal.retry_after, refusal.status) == ("at most 10 in a second", 0.5, 429)
    with pytest.raises(KeyError):
        refuse("no_such_code")
