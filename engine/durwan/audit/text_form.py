"""The text of a record: in one step where everything in it is ordinary, as most of what is decided is.

Ordinary are short texts and few of them, numbers and instants, by names that are written as they are. `PlainForm` looks
at each of them, says what becomes of all others, and is what both ways have to agree with; but it takes nearly twice as
long, at every request, in the thread of whoever asks.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, cast

from durwan.audit.entry import text_of
from durwan.audit.masking import SAME, Masking, Way
from durwan.audit.plain import BESIDE, INT64, MOST_MEMBERS, MOST_VALUES, SHORT, PlainForm, Walk, written_name
from durwan.audit.record import DecisionRecord
from durwan.credentials.secret_text import LEAK_MARK
from durwan.model.values import StringSet

# What differs from request to request. The rest of a record is a rule's, and the same whenever it decides.
_TEXTS: Final = ("action", "address", "decision_id", "key", "method", "path", "session", "subject")
_OTHERS: Final = ("contexts", "time")
_OF_RULE: Final = tuple(each.name for each in fields(DecisionRecord) if each.name not in (*_TEXTS, *_OTHERS))
_CONTEXTS: Final = sum(name < "contexts" for name in _TEXTS)
_texts_of: Final = attrgetter(*_TEXTS)
_of_rule: Final = attrgetter(*_OF_RULE)
_MOST_FRAMES: Final = 1024
# Each value that is counted in a record takes two characters of it at least, so that in one as short none is left out.
_MOST_TEXT: Final = 2 * MOST_VALUES

_STR: Final = frozenset({str})
_STR_OR_NONE: Final = frozenset({str, type(None)})
_COLLECTIONS: Final = frozenset({list, tuple, set, frozenset, StringSet})
_SINGLE: Final = frozenset({bool, type(None), float, Decimal, datetime, timedelta})


def _plain(value: object) -> Any:
    return Walk().value(value, 2)


# What JSON has not is made plain as always. Where a number is none of JSON either, that is an error.
_ENCODE: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False, default=_plain
).encode


class _OddError(Exception):
    """Something in a record is not ordinary."""


@dataclass(slots=True)
class _Names:
    """The names of attributes of one context that are written as they are, and which of these are masked."""

    known: set[str] = field(default_factory=set[str])
    masked: dict[str, Way] = field(default_factory=dict[str, Way])


class TextForm:
    """Writes records."""

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._plain = PlainForm(masking)
        self._names: dict[str, _Names] = {}
        self._masked_texts: dict[int, Way] = {}
        for name in SAME:
            way = masking.of_field(name)
            if way is not None:
                self._masked_texts[_TEXTS.index(name)] = way

    def of(self, record: DecisionRecord) -> str:
        """A record as it stands in its line; never raises."""
        try:
            return self._at_once(record)
        except Exception:  # noqa: BLE001 - whatever it is, the other way writes it as what it is
            return text_of(self._plain.of(record))

    def _at_once(self, record: DecisionRecord) -> str:
        texts = _texts_of(record)
        if not _STR_OR_NONE.issuperset(map(type, texts)) or type(record.time) is not int:
            raise _OddError
        _check_length(" ".join(filter(None, texts)))
        written = ["null" if each is None else encode_basestring_ascii(each) for each in texts]
        for place, way in self._masked_texts.items():
            if texts[place]:
                written[place] = text_of(self._masking.value(way, texts[place]))
        contexts = {
            name: self._attributes(name, given) for name, given in record.contexts.items() if name not in BESIDE
        }
        written.insert(_CONTEXTS, _ENCODE(contexts))
        found = _frame(*_of_rule(record)) % (*written, record.time)
        if len(found) > _MOST_TEXT:
            raise _OddError
        return found

    def _attributes(self, context: str, given: object) -> dict[str, object]:
        """The attributes of a context, masked, if all of them are ordinary."""
        if type(given) is not dict and type(given) is not MappingProxyType:
            raise _OddError
        attributes = dict(cast("Mapping[str, object]", given))
        names = self._names.get(context)
        if names is None or not attributes.keys() <= names.known:
            names = self._learn(context, attributes)
        _check(attributes.values())
        for name, way in names.masked.items():
            if name in attributes:
                attributes[name] = self._masking.value(way, _plain(attributes[name]))
        return attributes

    def _learn(self, context: str, attributes: Iterable[str]) -> _Names:
        names = self._names.get(context) or _Names()
        for name in attributes:
            # Names are chosen by whoever sends a request: of so many is kept what was found, and no more.
            if written_name(name) != name or len(names.known) >= MOST_MEMBERS:
                raise _OddError
            way = self._masking.of_attribute(context, name)
            if way is not None:
                names.masked = {**names.masked, name: way}
            # Last: from here on, another thread takes it for known.
            names.known.add(name)
        if context not in self._names:
            if written_name(context) != context or len(self._names) >= MOST_MEMBERS:
                raise _OddError
            self._names[context] = names
        return names


def _check(values: Iterable[object]) -> None:
    for value in values:
        kind = type(value)
        if kind is str:
            _check_length(cast("str", value))
        elif kind in _COLLECTIONS:
            _check_texts(cast("Collection[object]", value))
        elif kind is int:
            if not -INT64 <= cast("int", value) < INT64:
                raise _OddError
        elif kind not in _SINGLE:
            raise _OddError


def _check_texts(values: Collection[object]) -> None:
    if len(values) > MOST_MEMBERS or not _STR.issuperset(map(type, values)):
        raise _OddError
    _check_length(" ".join(cast("Collection[str]", values)))


def _check_length(text: str) -> None:
    """A text that is longer may be cut, and one in which a secret begins is looked at closely."""
    if len(text) > SHORT or LEAK_MARK in text:
        raise _OddError


@lru_cache(_MOST_FRAMES)
def _frame(*of_rule: object) -> str:
    """The text of a record of a rule, with `%s` in the place of what differs, in the order of names."""
    found: dict[str, str] = dict.fromkeys((*_TEXTS, *_OTHERS), "%s")
    for name, value in zip(_OF_RULE, of_rule, strict=True):
        found[name] = text_of(Walk().value(value, 1)).replace("%", "%%")
    return "{" + ",".join(f'"{name}":{found[name]}' for name in sorted(found)) + "}"


__all__ = ["TextForm"]
