"""What is written of a decision: plain data, bounded, whatever the request held.

Values that are not written as they are become a mapping of one name that begins with `$`, which no request can make up,
since a name of its own that begins so is given another `$`. To a policy that decides the record again, each of them is
what a mapping is: unknown.

    {"$cut": "the first 1,024 bytes", "length": 4000, "sha256": "..."}    a text, its length in characters
    {"$masked": ""}  {"$masked": "hmac, 32 digits"}                       left out, or hashed with a key
    {"$secret": true}                                                     never written
    {"$more": 120}                                                        so many members or attributes are left out
    {"$odd": "bytearray"}                                                 what no attribute can be
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from math import isfinite
from operator import attrgetter
from typing import Any, Final, cast

from durwan.audit.masking import SAME, Masking, Way, is_secret_name
from durwan.audit.record import DecisionRecord
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import LEAK_MARK, LEAK_PATTERN
from durwan.model.values import StringSet, format_duration

MOST_BYTES: Final = 1024
_MOST_NAME: Final = 64
MOST_MEMBERS: Final = 256
MOST_VALUES: Final = 2048
_DEEPEST: Final = 8
_FEW: Final = 16
# As many characters are never more than a kilobyte.
SHORT: Final = MOST_BYTES // 4
INT64: Final = 1 << 63
_LEAK = re.compile(LEAK_PATTERN, re.ASCII)
_NOTHING: Final[Mapping[str, tuple[str, Way | None]]] = {}
_SECRET: Final[Mapping[str, Any]] = {"$secret": True}
_OTHERS: Final = ("time", "status", "because", "unknowns", "shadows")
_TEXTS: Final = tuple(each.name for each in fields(DecisionRecord) if each.name not in (*_OTHERS, "contexts"))
_texts_of: Final = attrgetter(*_TEXTS)
_others_of: Final = attrgetter(*_OTHERS)
# What a request has beside its contexts, and a record in fields of their own.
BESIDE: Final = frozenset({"action", "now"})


class PlainForm:
    """Makes records plain, and masks what is to be masked."""

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._known: dict[str, dict[str, tuple[str, Way | None]]] = {}
        self._masked_fields: list[tuple[str, Way]] = []
        for field in SAME:
            way = masking.of_field(field)
            if way is not None:
                self._masked_fields.append((field, way))

    def of(self, record: DecisionRecord) -> dict[str, Any]:
        """The record as plain data, which shares nothing with the record that could change; never raises."""
        try:
            return self._of(record)
        except Exception as error:  # noqa: BLE001 - nothing that a request holds keeps its decision out of the log
            return {**_core_of(record), "$odd": type(error).__name__}

    def _of(self, record: DecisionRecord) -> dict[str, Any]:
        walk = Walk()
        found = dict(zip(_TEXTS, _texts_of(record), strict=True))
        if not _is_short(found.values()):
            found = {name: walk.value(text, 1) for name, text in found.items()}
        for name, value in zip(_OTHERS, _others_of(record), strict=True):
            found[name] = [] if value == () else walk.value(value, 1)
        for name, way in self._masked_fields:
            if found[name] not in (None, ""):
                found[name] = self._masking.value(way, found[name])
        found["contexts"] = self._contexts(record.contexts)
        return found

    def _contexts(self, contexts: Mapping[str, Any]) -> dict[str, Any]:
        walk = Walk()
        found: dict[str, Any] = {}
        for context, attributes in contexts.items():
            if context in BESIDE:
                continue
            if walk.left <= 0:
                found["$more"] = len(contexts) - len(found)
                break
            if type(attributes) is dict:
                plain: Any = self._attributes(context, cast("dict[str, object]", attributes), walk)
            elif isinstance(attributes, Mapping):
                plain = self._foreign(context, cast("Mapping[str, Any]", attributes), walk)
            else:
                way = self._masking.of_context(context) if type(context) is str else None
                plain = walk.value(attributes, 1)
                plain = plain if way is None else self._masking.value(way, plain)
            found[written_name(context)] = plain
        return found

    def _foreign(self, context: str, attributes: Mapping[str, Any], walk: Walk) -> dict[str, Any]:
        try:
            plain = dict(islice(attributes.items(), MOST_MEMBERS + 1))
        except Exception:  # noqa: BLE001 - a mapping of somebody else's may do anything
            return {"$odd": _kind_of(attributes)}
        return self._attributes(context, plain, walk)

    def _attributes(self, context: str, attributes: Mapping[str, Any], walk: Walk) -> dict[str, Any]:
        found: dict[str, Any] = {}
        known = self._known.get(context, _NOTHING)
        room = min(walk.left, MOST_MEMBERS)
        for name, value in attributes.items() if len(attributes) <= room else islice(attributes.items(), room):
            # What most attributes are is written as it is: this is done in the thread of whoever asks.
            is_plain = type(value) is str and len(value) <= SHORT and LEAK_MARK not in value
            plain = value if is_plain else walk.value(value, 2)
            written, way = known.get(name) or self._know(context, name)
            found[written] = plain if way is None else self._masking.value(way, plain)
        walk.left -= len(found)
        if len(attributes) > room:
            found["$more"] = len(attributes) - room
        return found

    def _know(self, context: str, name: str) -> tuple[str, Way | None]:
        """As what an attribute is written, and how it is masked."""
        found = written_name(name), self._masking.of_attribute(context, name)
        # Names are chosen by whoever sends a request: of so many is kept what was found, and no more.
        known = self._known.get(context)
        if known is None and len(self._known) < MOST_MEMBERS:
            known = self._known[context] = {}
        if known is not None and len(known) < MOST_MEMBERS:
            known[name] = found
        return found


class Walk:
    """Makes values plain, until there are too many of them.

    Attributes:
        left: how many more there may be.
    """

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST_VALUES

    def value(self, value: object, depth: int) -> Any:
        """The value as plain data."""
        self.left -= 1
        if type(value) is str and len(value) <= SHORT and LEAK_MARK not in value:
            return value
        write = _WRITERS.get(type(value))
        return _odd(value) if write is None else write(self, value, depth)

    def members(self, value: Any, depth: int) -> Any:
        """A list or a set as plain data."""
        if depth >= _DEEPEST:
            return {"$more": len(value)}
        found: list[Any] = _short_texts(value) if len(value) <= min(_FEW, self.left) else []
        # Nearly all are nothing but few short texts, which are written as they are.
        if len(found) == len(value):
            self.left -= len(found)
            return found if type(value) in (list, tuple) else sorted(found, key=repr)
        found = []
        for each in value:
            if self.left <= 0 or len(found) >= MOST_MEMBERS:
                found.append({"$more": len(value) - len(found)})
                break
            found.append(self.value(each, depth + 1))
        return found if type(value) in (list, tuple) else sorted(found, key=repr)

    def mapping(self, value: dict[Any, Any], depth: int) -> Any:
        """A mapping as plain data."""
        if depth >= _DEEPEST:
            return {"$more": len(value)}
        found: dict[str, Any] = {}
        for name, each in value.items():
            if self.left <= 0 or len(found) >= MOST_MEMBERS:
                found["$more"] = len(value) - len(found)
                break
            found[written_name(name)] = dict(_SECRET) if is_secret_name(name) else self.value(each, depth + 1)
        return found


def _is_short(texts: Iterable[Any]) -> bool:
    """Whether all of them, which may be None, are texts so short that they are looked at in one step."""
    given = [text for text in texts if text is not None]
    if set(map(type, given)) != {str}:
        return False
    joined = "".join(given)
    return len(joined) <= SHORT and LEAK_MARK not in joined


def _short_texts(values: Iterable[object]) -> list[Any]:
    return [each for each in values if type(each) is str and len(each) <= SHORT and LEAK_MARK not in each]


def _text(text: str) -> Any:
    if LEAK_MARK in text and _LEAK.search(text):
        return dict(_SECRET)
    if len(text) <= SHORT:
        return text
    content = text.encode("utf-8", "surrogatepass")
    if len(content) <= MOST_BYTES:
        return text
    # Not in the middle of a character.
    end = MOST_BYTES
    while content[end] & 0xC0 == 0x80:
        end -= 1
    start = content[:end].decode("utf-8", "surrogatepass")
    return {"$cut": start, "length": len(text), "sha256": sha256(content).hexdigest()}


def written_name(name: object) -> str:
    """A name that a request gave, as it is written."""
    if type(name) is not str:
        return f"$name {_kind_of(name)}"
    if name[:1] == "$":
        name = f"${name}"
    if len(name) > _MOST_NAME or LEAK_MARK in name:
        digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return name if len(name) <= _MOST_NAME and not _LEAK.search(name) else f"$name {digest[:32]}"
    return name


def _large(value: int) -> Any:
    # What has more digits is no number of any policy, and Python does not write it.
    return str(value) if value.bit_length() <= 512 else {"$odd": "int"}


def _decimal(value: Decimal) -> Any:
    # Without an exponent, as requests write it, unless that would be long.
    return _text(f"{value:f}" if value.is_finite() and -SHORT < value.adjusted() < SHORT else str(value))


def _instant(value: datetime) -> Any:
    try:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else {"$odd": "datetime"}
    except Exception:  # noqa: BLE001 - a zone of somebody else's may do anything
        return {"$odd": "datetime"}


def _duration(value: timedelta) -> Any:
    milliseconds, rest = divmod(value, timedelta(milliseconds=1))
    return format_duration(milliseconds) if milliseconds >= 0 and not rest else {"$odd": "timedelta"}


def _odd(value: object) -> dict[str, Any]:
    return dict(_SECRET) if isinstance(value, Secret) else {"$odd": _kind_of(value)}


def _kind_of(value: object) -> str:
    # Past whatever a class of somebody else's says of itself.
    name: str = type.__dict__["__name__"].__get__(type(value))
    return name[:_MOST_NAME]


def _core_of(record: DecisionRecord) -> dict[str, Any]:
    """What is known of every record: what we wrote into it, and no request."""
    return {name: getattr(record, name) for name in ("decision_id", "time", "effect", "status", "code")}


# Exact types alone: a class of somebody else's may answer with anything.
_WRITERS: Final[Mapping[type, Callable[[Walk, Any, int], Any]]] = {
    str: lambda _walk, value, _depth: _text(value),
    bool: lambda _walk, value, _depth: value,
    type(None): lambda _walk, value, _depth: value,
    int: lambda _walk, value, _depth: value if -INT64 <= value < INT64 else _large(value),
    float: lambda _walk, value, _depth: value if isfinite(value) else {"$odd": repr(value)},
    Decimal: lambda _walk, value, _depth: _decimal(value),
    datetime: lambda _walk, value, _depth: _instant(value),
    timedelta: lambda _walk, value, _depth: _duration(value),
    list: Walk.members,
    tuple: Walk.members,
    set: Walk.members,
    frozenset: Walk.members,
    StringSet: Walk.members,
    dict: Walk.mapping,
}

__all__ = [
    "BESIDE", "INT64", "MOST_BYTES", "MOST_MEMBERS", "MOST_VALUES", "SHORT", "PlainForm", "Walk", "written_name",
]  # fmt: skip
