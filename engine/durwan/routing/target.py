"""Request targets: the one way in which a path may be written, or a refusal.

A gate decides about a path, and something behind it acts upon that path. If the two divide or decode it differently,
the decision was about something else. So a path in which readers could differ is refused instead of repaired: empty
and dotted segments, encoded slashes and backslashes, `;`, `?`, `#` and `%` even where they are encoded, characters
that cannot be seen, bytes that are no UTF-8. What is left differs in its encoding alone, and is written in one way:
a character that may stand in a segment of RFC 3986 stands there itself, any other as its bytes of UTF-8, `%C3%A9`.
A trailing slash is kept: `/orders/` is not `/orders`, and has a route of its own or none.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from durwan.credentials.refusals import Refusal, refuse
from durwan.diagnostics.hidden import HIDDEN
from durwan.routing.host import read_host

# What may stand in a segment besides letters and digits (RFC 3986 §3.3, without `;`).
_MARKS: Final = "-._~!$&'()*+,=:@"
# Nearly every path: no encoding, no empty segment, none that is `.` or `..`.
_PLAIN: Final = re.compile(rb"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9\-._~!$&'()*+,=:@]++)++/?|/")
_ENCODED: Final = re.compile(rb"/(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-Fa-f]{2})*+")
_QUERY: Final = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*+")
_PLAIN_QUERY: Final = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+,;=:@/?]*+")
_ABSOLUTE: Final = re.compile(rb"[hH][tT][tT][pP][sS]?://([^/?#]*)(/.*)", re.DOTALL)
# Decoded, these divide a path somewhere, or begin something else, or are decoded once more.
_DIVIDERS: Final = re.compile(rb"[/\\;?#%]")

_REFUSED: Final = refuse("target_refused")
_TOO_LONG: Final = refuse("request_too_large", "the target of the request is too long")
_OTHER_HOST: Final = refuse("host_refused", "the request names one host in its target and another in its header")


class Target(NamedTuple):
    """A target that was read: the canonical path, and the query as it came, without its `?`."""

    path: str
    query: bytes


def read_target(target: bytes, host: str, most_bytes: int, most_segments: int) -> Target | Refusal:
    """Takes a target apart and makes its path canonical; `host` is what the header `Host` says, by `read_host`."""
    if len(target) > most_bytes:
        return _TOO_LONG
    if target[:1] != b"/":
        found = _ABSOLUTE.fullmatch(target)
        if found is None:
            return _REFUSED
        if read_host(found[1]) != host:
            return _OTHER_HOST
        target = found[2]
    path, _, query = target.partition(b"?")
    canonical = canonical_path(path, most_segments)
    if canonical is None or (query and not _QUERY.fullmatch(query)):
        return _REFUSED
    return Target(canonical, query)


def canonical_path(path: bytes, most_segments: int = 64) -> str | None:
    """The one way to write a path; None where it is refused. What is canonical stays as it is."""
    if path.count(b"/") > most_segments:
        return None
    if _PLAIN.fullmatch(path):
        return path.decode("ascii")
    if not _ENCODED.fullmatch(path):
        return None
    segments = path[1:].split(b"/")
    last = len(segments) - 1
    written: list[str] = []
    for index, segment in enumerate(segments):
        found = "" if not segment and index == last and index else _segment(segment)
        if found is None:
            return None
        written.append(found)
    return "/" + "/".join(written)


def _segment(segment: bytes) -> str | None:
    """The one way to write a segment; None where it is refused."""
    plain = unquote_to_bytes(segment)
    if plain in (b"", b".", b"..") or _DIVIDERS.search(plain):
        return None
    try:
        text = plain.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if HIDDEN.search(text) or "\n" in text or "\t" in text:
        return None
    return quote_from_bytes(plain, _MARKS)


def decoded(segment: str) -> str:
    """What a segment of a canonical path says."""
    return unquote_to_bytes(segment).decode("utf-8") if "%" in segment else segment


__all__ = ["Target", "canonical_path", "decoded", "read_target"]
