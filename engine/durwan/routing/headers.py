"""Headers: none twice that may come once, none under a name that is nearly another's, none that renames the request.

Most of what there is to say about headers depends on their names alone, and clients send the same names over and over,
in the same order. So it is worked out once for a sequence of names and remembered: the memory holds nothing but the
result of a pure function under all that the function reads, so nobody can put anything into it that is not true. It is
bounded in entries and bytes, and forgotten as a whole when it is full.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from durwan.credentials.raw_request import Headers
from durwan.credentials.refusals import Refusal, refuse
from durwan.routing.rules import RequestRules

Names = tuple[bytes, ...]

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VISIBLE: Final = bytes(range(0x20, 0x7F)) + b"\t"
_OBSOLETE: Final = bytes(range(0x80, 0x100))
_LENGTH: Final = re.compile(rb"0|[1-9][0-9]{0,18}")
_USUAL_CONNECTIONS: Final = frozenset({b"keep-alive", b"close", b"upgrade", b"Upgrade", b"Keep-Alive"})
# What may be taken off on the way, because nothing but the connection needs it.
_HOP_BY_HOP: Final = frozenset({b"close", b"keep-alive", b"upgrade", b"te", b"http2-settings"})
_OVERRIDES: Final = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})
# Some servers take the target from these. Who is not trusted cannot mean well by them.
_RENAMING: Final = re.compile(
    rb"x-original-(?:ur[il]|method|path|host)|x-rewrite-ur[il]|x-forwarded-(?:ur[il]|method|path|prefix)|x-envoy-.*"
)
_MOST_REMEMBERED: Final = 512
_MOST_REMEMBERED_BYTES: Final = 2048

_REPEATED: Final = refuse("header_refused", "a header that may come once came twice")
_ALIAS: Final = refuse("header_refused", "a header has nearly the name of another that means something here")
_MALFORMED: Final = refuse("header_refused", "the name or the value of a header has characters that none has")
_FRAMING: Final = refuse("header_refused", "the headers say in two ways how long the body is")
_CONNECTION: Final = refuse("header_refused", "the header Connection names something that is not to be taken off")
_OVERRIDDEN: Final = refuse("method_refused", "a header asks for another method than the request line")
_NO_HOST: Final = refuse("host_refused", "the request has no host, or more than one")
_TOO_MANY: Final = refuse("request_too_large", "the request has too many headers")
_TOO_LONG: Final = refuse("request_too_large", "the headers of the request are too long")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a sequence of names says: at which places what stands.

    Attributes:
        host: the place of the host.
        forwarded: the places of the header that names the hops, in order.
        connection: the places of the header `Connection`.
        length: the place of `Content-Length`; None without one.
        read: the places of all headers whose values mean something here, by their names in lower case.
        renames: whether a header renames the request, which only those may send who are trusted.
    """

    host: int
    forwarded: tuple[int, ...]
    connection: tuple[int, ...]
    length: int | None
    read: dict[bytes, int]
    renames: bool


class HeaderRules:
    """Reads headers by the rules of a gate. `read` are the names of those that routes read."""

    def __init__(self, rules: RequestRules, read: Iterable[str] = ()) -> None:
        self._forwarded = rules.forwarded.encode()
        self._singletons = frozenset(name.encode() for name in {*rules.singletons, *read, "host"})
        own = {each.encode() for each in rules.identity}
        self._protected = self._singletons | own | {self._forwarded, b"connection", b"transfer-encoding"}
        self._most = rules.most_headers
        self._most_bytes = rules.most_header_bytes
        self._remembered: dict[Names, Layout | Refusal] = {}

    def check(self, headers: Headers) -> Layout | Refusal:
        """The places of what is read, where nothing is wrong with the names, the values, and how much there is."""
        if len(headers) > self._most:
            return _TOO_MANY
        if not headers:
            return _NO_HOST
        names, values = zip(*headers, strict=True)
        text = b"".join(values)
        found = self._remembered.get(names)
        if found is None:
            found = self._learn(names)
        if isinstance(found, Refusal):
            return found
        if len(text) + len(b"".join(names)) > self._most_bytes:
            return _TOO_LONG
        odd = text.translate(None, _VISIBLE)
        if odd and (
            odd.translate(None, _OBSOLETE) or not all(values[place].isascii() for place in found.read.values())
        ):
            return _MALFORMED
        for place in found.connection:
            if values[place] not in _USUAL_CONNECTIONS and not _is_hop_by_hop(values[place]):
                return _CONNECTION
        if found.length is not None and not _LENGTH.fullmatch(values[found.length]):
            return _FRAMING
        return found

    def _learn(self, names: Names) -> Layout | Refusal:
        found = self._work_out(names)
        if sum(map(len, names)) <= _MOST_REMEMBERED_BYTES:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[names] = found
        return found

    def _work_out(self, names: Names) -> Layout | Refusal:
        places: dict[bytes, list[int]] = {}
        for place, name in enumerate(names):
            if not _TOKEN.fullmatch(name):
                return _MALFORMED
            places.setdefault(name.lower(), []).append(place)
        return self._refusal(places) or Layout(
            host=places[b"host"][0],
            forwarded=tuple(places.get(self._forwarded, ())),
            connection=tuple(places.get(b"connection", ())),
            length=places.get(b"content-length", [None])[0],
            read={name: found[-1] for name, found in places.items() if name in self._protected},
            renames=any(_RENAMING.fullmatch(folded(name)) and name != self._forwarded for name in places),
        )

    def _refusal(self, places: dict[bytes, list[int]]) -> Refusal | None:
        """What is wrong with names in lower case, each with its places."""
        if len(places.get(b"host", ())) != 1:
            return _NO_HOST
        if any(len(found) > 1 and name in self._singletons for name, found in places.items()):
            return _REPEATED
        if b"content-length" in places and b"transfer-encoding" in places:
            return _FRAMING
        for name in places:
            plain = folded(name)
            if plain in _OVERRIDES:
                return _OVERRIDDEN
            if plain != name and plain in self._protected:
                return _ALIAS
        return None


def folded(name: bytes) -> bytes:
    """The name as which some servers give a header to an application: in lower case, `_` and `.` as `-`."""
    return name.lower().replace(b"_", b"-").replace(b".", b"-")


def _is_hop_by_hop(value: bytes) -> bool:
    return all(each.strip(b" \t").lower() in _HOP_BY_HOP for each in value.split(b","))


__all__ = ["HeaderRules", "Layout", "folded"]
