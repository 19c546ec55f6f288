"""The shape of a test file, and what is said where a file has another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from durwan.diagnostics import Diagnostic
from durwan.diagnostics.codes import quoted
from durwan.diagnostics.yaml_document import Document, Path
from durwan.language.suggestions import Suggestions
from durwan.model.values import read_duration, read_time
from durwan.workshop import mistakes


def _instant(value: object) -> object:
    if value is not None and read_time(value) is None:
        raise PydanticCustomError("instant", "an instant")
    return value


def _age(value: object) -> object:
    if value is not None and read_duration(value) is None:
        raise PydanticCustomError("duration", "a duration")
    return value


def _seconds(value: object) -> object:
    """A number of seconds, or a duration as text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < 0:
            raise PydanticCustomError("greater_than_equal", "no negative number")
        return value
    return _age(value)


def _expectation(value: object) -> object:
    """`expect: allow` is short for `expect: { effect: allow }`."""
    return {"effect": value} if isinstance(value, str) else value


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class RemedyShape(_Shape):
    """One of `remedies`: the fields of `durwan.model.decision.Remedy`."""

    kind: Literal["mfa", "approvals", "login", "step"]
    within: Annotated[Any, BeforeValidator(_age)] = None
    count: int | None = None
    of: str | None = None
    name: str | None = None


class ExpectationShape(_Shape):
    """`expect`: fields of a decision; only those given are compared."""

    effect: Literal["allow", "deny", "challenge"] = "deny"
    allowed: bool = False
    rule: str | None = None
    status: Annotated[int, Field(ge=100, le=599)] = 0
    code: str = ""
    reason: str = ""
    obligations: dict[str, Any] = {}
    remedies: list[RemedyShape] = []
    unknowns: list[str] = []
    shadows: list[str] = []
    retry_after: Annotated[Any, BeforeValidator(_seconds)] = None
    valid_until: Annotated[Any, BeforeValidator(_instant)] = None
    revision: str = ""


def _something(expectation: ExpectationShape) -> ExpectationShape:
    """A case that compares nothing would pass whatever is decided."""
    if not expectation.model_fields_set:
        raise PydanticCustomError("nothing_expected", "something")
    return expectation


class CaseShape(_Shape):
    """One of `cases`."""

    name: Annotated[str, Field(min_length=1)]
    fixtures: Annotated[list[str], Field(alias="with")] = []
    request: dict[str, Any] = {}
    matrix: dict[str, list[Any]] = {}
    expect: Annotated[ExpectationShape, BeforeValidator(_expectation), AfterValidator(_something)]
    skip: Annotated[str, Field(min_length=1)] | None = None


class FileShape(_Shape):
    """A whole test file."""

    now: Annotated[Any, BeforeValidator(_instant)] = None
    fixtures: dict[str, dict[str, Any]] = {}
    cases: list[CaseShape] = []


_WANTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "now": "an instant such as `2026-03-02T09:00:00Z`",
        "fixtures": "a mapping of names to requests",
        "cases": "a list of cases",
        "name": "text",
        "with": "a list of fixtures",
        "request": "a mapping",
        "matrix": "a mapping of paths to lists of values",
        "expect": "an effect, or a mapping of a decision's fields",
        "skip": "the reason as text",
        "effect": "one of `allow`, `deny`, `challenge`",
        "rule": "the name of a rule or limit, or null",
        "status": "an HTTP status",
        "code": "text",
        "reason": "text",
        "obligations": "a mapping",
        "remedies": "a list of remedies",
        "unknowns": "a list of attributes",
        "shadows": "a list of shadow rules",
        "allowed": "true or false",
        "retry_after": "a number of seconds, a duration such as `10s`, or null",
        "valid_until": "an instant, milliseconds, or null",
        "revision": "the revision as text",
        "kind": "one of `mfa`, `approvals`, `login`, `step`",
        "within": "a duration such as `5m`",
        "count": "a whole number",
        "of": "the name of a set",
    }
)
_ITEMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cases": "a mapping that describes a case",
        "fixtures": "a mapping that describes a request",
        "matrix": "a list of values",
        "remedies": "a mapping that describes a remedy",
    }
)
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "cases": ("name", "with", "request", "matrix", "expect", "skip"),
        "expect": tuple(ExpectationShape.model_fields),
        "remedies": tuple(RemedyShape.model_fields),
        "": tuple(FileShape.model_fields),
    }
)
_OWNERS: Final[Mapping[str, str]] = MappingProxyType({"cases": "the case", "remedies": "the remedy"})


def read_shape(document: Document) -> tuple[FileShape | None, list[Diagnostic]]:
    """The checked content of a test file, or None with what is wrong with its shape."""
    try:
        return FileShape.model_validate(document.data if document.data is not None else {}), []
    except ValidationError as error:
        return None, list(_diagnose(document, error))


def kind_of(value: object) -> str:
    """What a value of a document is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "a mapping" if isinstance(value, dict) else "a number"


def _existing(data: Any, path: Path) -> Path:
    """The part of a path that the document has: what follows is pydantic's own, such as the branch of a union."""
    for depth in range(len(path)):
        try:
            _at(data, path[: depth + 1])
        except (KeyError, TypeError):
            return path[:depth]
    return path


def _diagnose(document: Document, error: ValidationError) -> Iterator[Diagnostic]:
    seen: set[Path] = set()
    suggestions = Suggestions()
    details = error.errors(include_url=False, include_context=False)
    for detail in details:
        if detail["type"] == "extra_forbidden":
            # A field with a misspelt name is not missing as well.
            path = detail["loc"]
            seen.add((*path[:-1], suggestions.nearest(str(path[-1]), _FIELDS[_section(path)]) or ""))
    for detail in details:
        path = detail["loc"] if detail["type"] == "missing" else _existing(document.data, detail["loc"])
        if path not in seen:
            seen.add(path)
            yield _diagnose_one(document, path, detail, suggestions)


def _diagnose_one(document: Document, path: Path, detail: ErrorDetails, suggestions: Suggestions) -> Diagnostic:
    field = str(path[-1]) if path else ""
    section = _section(path)
    if detail["type"] == "missing":
        return mistakes.missing_field(document.first_line(path), field, _OWNERS.get(section, "the file"))
    span = document.span(path)
    if detail["type"] == "extra_forbidden":
        known = _FIELDS[section]
        return mistakes.unknown_field(document.key_span(path), field, suggestions.nearest(field, known), list(known))
    if detail["type"] == "nothing_expected":
        return mistakes.missing_field(span, "effect", "the expectation")
    value = _at(document.data, path)
    wanted = _wanted(path)
    if detail["type"] in {"instant", "duration", "literal_error"} and isinstance(value, str):
        near = suggestions.nearest(value, ("allow", "deny", "challenge", "mfa", "approvals", "login", "step"))
        return mistakes.bad_value(span, field, value, wanted, near if detail["type"] == "literal_error" else None)
    if detail["type"] in {"greater_than_equal", "less_than_equal", "string_too_short"}:
        return mistakes.bad_value(span, field, str(value), wanted)
    return mistakes.wrong_type(span, _named(path), kind_of(value), wanted)


def _section(path: Path) -> str:
    """The innermost part of the file that the last name of the path is a field of."""
    return next((str(name) for name in reversed(path[:-1]) if name in _FIELDS), "")


def _named(path: Path) -> str:
    """What the path leads to, in words."""
    if not path:
        return "the file"
    *above, last = path
    return quoted(last) if isinstance(last, str) else f"an item of {quoted(str(above[-1]))}"


def _wanted(path: Path) -> str:
    if not path:
        return "a mapping with `cases`"
    *above, last = path
    if above and above[-1] in _ITEMS:
        return _ITEMS[str(above[-1])]
    return _WANTED.get(last, "a value of another type") if isinstance(last, str) else "text"


def _at(data: Any, path: Path) -> Any:
    for name in path:
        data = data[name]
    return data
