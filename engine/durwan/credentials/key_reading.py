"""Key files as documents, YAML or JSON: the keys that they hold, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from ipaddress import ip_network
from typing import Any, Final, Protocol

from durwan.credentials import mistakes
from durwan.credentials.key_rules import Fault, KeyRules
from durwan.diagnostics import Diagnostic, Span
from durwan.model.address import parse_network

_MOST_MISTAKES: Final = 50

_Path = tuple[str | int, ...]


class Document(Protocol):
    """A file that was read: what it says, and where it says it."""

    @property
    def mapping(self) -> dict[str, Any] | None:
        """The data of a file that is a mapping."""
        ...

    def span(self, path: _Path = ()) -> Span:
        """Where the value at `path` stands."""
        ...

    def key_span(self, path: _Path) -> Span:
        """Where the key that ends `path` stands."""
        ...

    def first_line(self, path: _Path = ()) -> Span:
        """The first line of the value at `path`."""
        ...


class KeyReader:
    """Reads the keys of any number of files, in each of which `keys` is a list of keys.

    `keys` are those without a mistake, by their id.
    """

    def __init__(self, rules: KeyRules) -> None:
        self.keys: dict[str, Mapping[str, object]] = {}
        self.report: list[Diagnostic] = []
        self._rules = rules
        # Where each id was given first: in which file, and at which place of its list.
        self._places: dict[str, tuple[Document, int]] = {}

    def read(self, document: Document) -> None:
        """Takes the keys of one file."""
        fields = document.mapping or {}
        if not isinstance(fields.get("keys"), list):
            self.report.append(mistakes.no_keys(document.first_line()))
            return
        for name in fields:
            if name != "keys":
                self.report.append(_unknown(document.key_span((name,)), name, ("keys",)))
        for index, record in enumerate(fields["keys"]):
            self._take(document, index, record)

    def finished(self) -> list[Diagnostic]:
        """What was found, in source order, as far as anyone would read it."""
        found = sorted(self.report, key=lambda item: item.order)
        if len(found) > _MOST_MISTAKES:
            return [*found[:_MOST_MISTAKES], mistakes.more_mistakes(found[_MOST_MISTAKES].span, _MOST_MISTAKES)]
        return found

    def _take(self, document: Document, index: int, record: Any) -> None:
        place = (document, index)
        faults = self._rules.faults(record)
        has_id = all(fault.kind == "scope" for fault in faults)
        first = self._places.setdefault(record["id"], place) if has_id else place
        if first is place and not faults:
            self.keys[record["id"]] = record
        # Looking up places takes time, and what is beyond the first mistakes is not shown.
        elif len(self.report) <= _MOST_MISTAKES:
            self.report.extend(
                [self._diagnostic(document, ("keys", index, *fault.path), fault) for fault in faults]
                if first is place
                else [mistakes.duplicate_id(_id_span(place), _id_span(first))]
            )

    def _diagnostic(self, document: Document, path: _Path, fault: Fault) -> Diagnostic:
        match fault.kind:
            case "missing":
                return mistakes.missing_id(document.first_line(path[:2]))
            case "unknown":
                return _unknown(document.key_span(path), str(path[-1]), self._rules.fields)
            case "secret":
                return mistakes.secret(document.key_span(path))
            case "time":
                return mistakes.bad_time(document.span(path))
            case "network":
                return mistakes.bad_network(document.span(path), _right_network(str(_at(document, path))))
            case "scope":
                near = get_close_matches(str(_at(document, path)), self._rules.scopes or (), n=1, cutoff=0.6)
                return mistakes.undeclared_scope(document.span(path), near[0] if near else None)
            case "value":
                return mistakes.wrong_value(_value_span(document, path), fault.field or None, fault.expected)


def _id_span(place: tuple[Document, int]) -> Span:
    document, index = place
    return document.span(("keys", index, "id"))


def _at(document: Document, path: _Path) -> Any:
    """The value at a path that is there."""
    value: Any = document.mapping
    for step in path:
        value = value[step]
    return value


def _unknown(span: Span, name: str, known: Sequence[str]) -> Diagnostic:
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return mistakes.unknown_field(span, near[0] if near else None, known)


def _value_span(document: Document, path: _Path) -> Span:
    """The value, or the key where the value is left out or goes over many lines."""
    span = document.span(path)
    if span.text and "\n" not in span.text:
        return span
    return document.key_span(path) if isinstance(path[-1], str) else document.first_line(path)


def _right_network(text: str) -> str | None:
    """The network that was meant by one with host bits or a mask."""
    try:
        right = str(ip_network(text, strict=False))
    except ValueError:
        return None
    return right if parse_network(right) is not None else None


__all__ = ["Document", "KeyReader"]
