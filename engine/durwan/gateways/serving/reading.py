"""Reads the configuration: a YAML file, and variables of the environment over it; all mistakes at once.

`DURWAN_` and the path of a setting in capital letters, two underscores between its parts, is the variable that stands
over it: `DURWAN_STATE__SQLITE`, `DURWAN_LISTEN='[0.0.0.0:8181]'`. Its value is read as YAML.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.diagnostics.yaml_document import Document, parse_yaml, read_yaml
from durwan.errors import DurwanError
from durwan.gateways.serving import mistakes
from durwan.gateways.serving.configuration import Configuration
from durwan.gateways.serving.kinds import SecretSource, Section
from durwan.language.suggestions import Suggestions

PREFIX: Final = "DURWAN_"
_BETWEEN: Final = "__"
# What has a meaning of its own, for this command or for others. A name that is not known is only a warning: systems
# that run containers put variables of their own there, such as DURWAN_SERVICE_HOST for a service of that name.
_OTHERS: Final = frozenset(
    f"{PREFIX}{name}"
    for name in ("CONFIG", "CACHE", "KEYS", "SECRETS", "SEALING_KEY", "SEALING_KEY_FILE", "SEALING_KEY_COMMAND")
)
# `dict` and `list` themselves; by these names a type checker knows what is in them.
_OBJECT: Final[type[dict[str, Any]]] = dict
_LIST: Final[type[list[Any]]] = list
_ENVIRONMENT: Final = "the environment"

Place = tuple[str | int, ...]


class ConfigurationError(DurwanError):
    """A configuration by which nothing can be served.

    Attributes:
        diagnostics: all that is wrong with it.
    """

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        lines = ["the configuration has mistakes; `durwan serve --check` shows them"]
        for item in diagnostics:
            line, column = item.span.source.position(item.span.start)
            lines.append(f"{item.span.source.path}:{line}:{column}: {item.code} {item.message}")
        super().__init__("\n".join(lines))


class Places:
    """Where each setting stands: in the file, or in the environment."""

    def __init__(self, document: Document, variables: Mapping[Place, Span]) -> None:
        self._document = document
        self._variables = variables

    def value(self, place: Place) -> Span:
        """The value of a setting; where it is left out, the first line of what is around it."""
        for length in range(len(place), 0, -1):
            if place[:length] in self._variables:
                return self._variables[place[:length]]
        return self._document.span(place) if _has(self._document.data, place) else self._document.first_line(place[:-1])

    def key(self, place: Place) -> Span:
        """The name of a setting."""
        return self._variables.get(place) or self._document.key_span(place)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that was read.

    Attributes:
        configuration: its settings.
        folder: what its files are relative to.
        places: where its settings stand.
        warnings: what is odd in it, and changes nothing.
    """

    configuration: Configuration
    folder: Path
    places: Places
    warnings: tuple[Diagnostic, ...] = ()

    def file(self, name: str) -> Path:
        """A file that it names."""
        return self.folder / name


def load(path: Path | None, environment: Mapping[str, str]) -> Loaded:
    """The configuration in a file, or without one the defaults, and what the environment changes of it.

    Raises:
        ConfigurationError: it has mistakes.
    """
    name, content = ("the defaults", b"") if path is None else (str(path), _content(path))
    document, report = read_yaml(name, content)
    if document is None:
        raise ConfigurationError(report)
    written: Any = {} if document.data is None else document.mapping
    if written is None:
        raise ConfigurationError([mistakes.wrong_setting(document.first_line(), "the configuration", "a mapping")])
    data = copy.deepcopy(written)
    variables, report = _apply(data, environment)
    configuration, found = _validated(data, document, variables)
    report += found
    folder = Path.cwd() if path is None else path.absolute().parent
    if configuration is None or any(item.severity == "error" for item in report):
        raise ConfigurationError(report)
    places = Places(document, {place: span for place, (span, _) in variables.items()})
    named = _named_variables(configuration)
    warnings = tuple(item for item in report if item.span.text not in named)
    return Loaded(configuration, folder, places, warnings)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DurwanError(f"the configuration {path} cannot be read: {error.strerror or error}") from None


# ----------------------------------------------------------------------------------------------------- environment


def _apply(
    data: dict[str, Any], environment: Mapping[str, str]
) -> tuple[dict[Place, tuple[Span, Any]], list[Diagnostic]]:
    """Puts the values of variables over those of the file; where each came from, and what is wrong with them."""
    known = {f"{PREFIX}{_BETWEEN.join(place).upper()}": (place, is_list) for place, is_list in _leaves(Configuration)}
    given = sorted(name for name in environment if name.startswith(PREFIX) and name not in _OTHERS)
    variables: dict[Place, tuple[Span, Any]] = {}
    report: list[Diagnostic] = []
    suggestions = Suggestions()
    for name in given:
        if name not in known:
            span = Span(Source(_ENVIRONMENT, name), 0, len(name))
            report.append(mistakes.unknown_variable(span, suggestions.nearest(name, known)))
            continue
        place, is_list = known[name]
        span = Span(Source(_ENVIRONMENT, f"{name}={environment[name]}"), 0, len(name))
        value = _value(environment[name], is_list=is_list)
        variables[place] = (span, value)
        _put(data, place, value)
    return variables, report


def _value(text: str, *, is_list: bool) -> Any:
    document, _ = parse_yaml(Source(_ENVIRONMENT, text))
    value: Any = text if document is None else document.data
    return [value] if is_list and type(value) is not _LIST else value


def _put(data: dict[str, Any], place: Place, value: Any) -> None:
    inner: Any = data
    for step in place[:-1]:
        if not isinstance(inner.get(step), dict):
            inner[step] = {}
        inner = inner[step]
    inner[place[-1]] = value


def _leaves(section: type[Section], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The path of every setting that is no section, and whether it is a list."""
    for name, field in section.model_fields.items():
        inner = _section_of(field.annotation)
        if inner is not None:
            yield from _leaves(inner, (*before, name))
        elif not _is_of_sections(field.annotation):
            yield (*before, name), get_origin(field.annotation) is list


def _section_of(annotation: Any) -> type[Section] | None:
    """The section that a setting is, or may be."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _section_of(get_args(annotation)[0]) if len(get_args(annotation)) == 1 else None
    if origin in (types.UnionType, Union):
        found = [_section_of(each) for each in get_args(annotation)]
        return next((each for each in found if each is not None), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _is_of_sections(annotation: Any) -> bool:
    return get_origin(annotation) is list and _section_of(get_args(annotation)[0]) is not None


def _named_variables(section: Section) -> set[str]:
    """The variables in which secrets are."""
    found: set[str] = set()
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, SecretSource) and value.variable is not None:
            found.add(value.variable)
        elif isinstance(value, Section):
            found |= _named_variables(value)
    return found


# ------------------------------------------------------------------------------------------------------ validation


def _validated(
    data: dict[str, Any], document: Document, variables: Mapping[Place, tuple[Span, Any]]
) -> tuple[Configuration | None, list[Diagnostic]]:
    try:
        return Configuration.model_validate(data), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    places = Places(_blotted(document, data, details), {place: span for place, (span, _) in variables.items()})
    suggestions = Suggestions()
    found = {
        (item.span.start, item.message): item for each in details for item in [_said(each, data, places, suggestions)]
    }
    return None, sorted(found.values(), key=lambda item: item.order)


def _said(detail: ErrorDetails, data: Any, places: Places, suggestions: Suggestions) -> Diagnostic:
    place = _place(detail, data)
    name = ".".join(map(str, place))
    section = _section_at(place[:-1])
    match detail["type"]:
        case "extra_forbidden":
            known = [] if section is None else list(section.model_fields)
            return mistakes.unknown_setting(places.key(place), suggestions.nearest(str(place[-1]), known), known)
        case "missing":
            return mistakes.missing_setting(places.value(place[:-1]), name)
        case _ if _section_at(place) is SecretSource:
            if isinstance(_at(data, place), dict):
                return mistakes.wrong_setting(places.value(place), name, "`file` or `variable`, one of the two")
            return mistakes.secret_in_configuration(places.value(place), name)
        case _:
            return mistakes.wrong_setting(places.value(place), name, _expected(detail))


def _place(detail: ErrorDetails, data: Any) -> Place:
    """Where it is, without the marks that tell which kind of a union was tried."""
    found: list[str | int] = []
    inner = data
    for step in detail["loc"]:
        below = _at(inner, (step,))
        if below is not _NOWHERE:
            inner = below
            found.append(step)
        elif detail["type"] == "missing" and type(inner) is _OBJECT and step == detail["loc"][-1]:
            found.append(step)
    return tuple(found)


# What a setting has to be, by what pydantic says of it.
_EXPECTED: Final = {
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "bool_type": "`true` or `false`",
    "list_type": "a list",
    "too_short": "a list of at least one",
    "model_type": "a mapping of settings",
    "dict_type": "a mapping of settings",
}


def _expected(detail: ErrorDetails) -> str:
    context, kind = detail.get("ctx", {}), detail["type"]
    match kind:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return str(context["expected"]).replace("'", "`")
        case "string_pattern_mismatch":
            return f"text that matches `{context['pattern']}`"
        case _:
            return _EXPECTED.get(kind) or detail["msg"].removeprefix("Input should be ")


def _section_at(place: Place) -> type[Section] | None:
    """The section that the setting at a place is, or that a list of sections has there."""
    found: type[Section] | None = Configuration
    for step in place:
        if isinstance(step, int):
            continue
        field = None if found is None else found.model_fields.get(step)
        if field is None:
            return None
        annotation = field.annotation
        found = _section_of(get_args(annotation)[0] if get_origin(annotation) is list else annotation)
    return found


def _blotted(document: Document, data: Any, details: list[ErrorDetails]) -> Document:
    """The document with the values of unknown settings, and of what should say where a secret is, blotted out.

    Either may be a secret that came to the wrong place, and mistakes are shown with the line that they are in.
    """
    text = document.source.text
    for detail in details:
        place = _place(detail, data)
        if (detail["type"] == "extra_forbidden" or _section_at(place) is SecretSource) and _has(document.data, place):
            span = document.span(place)
            text = text[: span.start] + "".join(c if c == "\n" else "*" for c in span.text) + text[span.end :]
    return document.on(Source(document.source.path, text))


def _has(data: Any, place: Place) -> bool:
    return _at(data, place) is not _NOWHERE


def _at(data: Any, place: Place) -> Any:
    for step in place:
        found: Any = _NOWHERE
        if type(data) is _OBJECT:
            found = data.get(str(step), _NOWHERE)
        elif type(data) is _LIST and type(step) is int and 0 <= step < len(data):
            found = data[step]
        if found is _NOWHERE:
            return _NOWHERE
        data = found
    return data


_NOWHERE: Final = object()

__all__ = ["PREFIX", "ConfigurationError", "Loaded", "Place", "Places", "load"]
