"""The manifest of a policy set, `policy.yaml`: its name, its limits, and where its other files lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.diagnostics.yaml_document import Document, read_yaml
from durwan.language.mistakes import files as mistakes
from durwan.language.policy_set import PolicySet
from durwan.language.set_files import FILE_CEILING, SET_CEILING, PolicySetError, check_path
from durwan.language.source_text import TextLimits
from durwan.language.suggestions import Suggestions

MANIFEST: Final = "policy.yaml"
# Where routes stand if the manifest does not say.
ROUTES: Final = "routes.yaml"


def _path(path: str) -> str:
    try:
        check_path(path)
    except PolicySetError as error:
        raise ValueError(str(error)) from error
    return path


_Path = Annotated[str, AfterValidator(_path)]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(TextLimits):
    """The limits of size (language page, section 11): each has its own error.

    `file_bytes` of a policy or YAML file, `set_bytes` of all files together, `rules` in the set, `list_entries` in one
    list file, `string_bytes` of a string; `nesting` levels of an expression, at most as many as every stage can take
    without exhausting the interpreter's stack, whoever called it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    file_bytes: Annotated[int, Field(strict=True, ge=1, le=FILE_CEILING)] = 1 << 20
    set_bytes: Annotated[int, Field(strict=True, ge=1, le=SET_CEILING)] = 64 << 20
    rules: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 100_000
    nesting: Annotated[int, Field(strict=True, ge=1, le=128)] = 64
    list_entries: Annotated[int, Field(strict=True, ge=1, le=10_000_000)] = 1_000_000
    string_bytes: Annotated[int, Field(strict=True, ge=1, le=1 << 20)] = 64 << 10


class Manifest(BaseModel):
    """What `policy.yaml` says; a set without one has all defaults.

    `keys` and `tests` are the folders of the key and test files. `routes` is the file of the routes; where it is not
    given, and there is a file `routes.yaml`, that is it.
    `calendars` maps the names of further trading calendars to the files of their sessions. `must_pass` names the test
    cases without which no set may be released.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name = "policies"
    language: Annotated[int, Field(strict=True, ge=1, le=1)] = 1
    limits: Limits = Limits()
    keys: _Path = "keys"
    tests: _Path = "tests"
    routes: _Path | None = None
    calendars: dict[_Name, _Path] = Field(default_factory=dict)
    must_pass: list[str] = Field(default_factory=list)


def read_manifest(policy_set: PolicySet) -> tuple[Manifest, list[Diagnostic]]:
    """The manifest of a policy set, and what is wrong with it; a field that is wrong has its default."""
    content = policy_set.files.get(MANIFEST)
    nothing = Document(Source(MANIFEST, ""), None)
    document, report = (nothing, []) if content is None else read_yaml(MANIFEST, content)
    if document is None:
        return Manifest(), report
    manifest, found = _validated(document)
    report.extend(found)
    size = sum(map(len, policy_set.files.values()))
    if size > manifest.limits.set_bytes:
        report.append(mistakes.set_too_large(document.span(("limits", "set_bytes")), size, manifest.limits.set_bytes))
    if manifest.routes is not None and manifest.routes not in policy_set.files:
        near = Suggestions().nearest(manifest.routes, policy_set.files)
        report.append(mistakes.file_missing(document.span(("routes",)), manifest.routes, near))
    return manifest, sorted(report, key=lambda item: item.order)


def _validated(document: Document) -> tuple[Manifest, list[Diagnostic]]:
    written = {} if document.data is None else document.mapping
    if written is None:
        return Manifest(), [mistakes.not_a_mapping(document.first_line())]
    try:
        return Manifest.model_validate(written), []
    except ValidationError as error:
        details = error.errors()
    wrong = {detail["loc"][0] for detail in details}
    sound = {name: value for name, value in written.items() if name not in wrong}
    return Manifest.model_validate(sound), [_diagnostic(document, detail) for detail in details]


def _diagnostic(document: Document, detail: ErrorDetails) -> Diagnostic:
    path = detail["loc"]
    # A dict's key is told apart from its value by this marker at the end of the location.
    if path[-1] == "[key]":
        return mistakes.bad_name(document.key_span(path[:-1]))
    name = ".".join(map(str, path))
    if name == "language":
        return mistakes.unknown_language(_value_span(document, path))
    match detail["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = [each.name for each in fields(Limits)] if path[0] == "limits" else list(Manifest.model_fields)
            near = Suggestions().nearest(str(path[-1]), known)
            return mistakes.unknown_field(document.key_span(path), near, known)
        case "value_error":
            return mistakes.bad_path(document.span(path))
        case "string_pattern_mismatch":
            return mistakes.bad_name(document.span(path))
        case _:
            return mistakes.wrong_value(_value_span(document, path), name, _expected(detail))


def _value_span(document: Document, path: tuple[int | str, ...]) -> Span:
    """The value, or the key where the value is left out or goes over many lines."""
    span = document.span(path)
    return span if span.text and "\n" not in span.text else document.key_span(path)


_KINDS: Final[Mapping[str, str]] = {
    "int_type": "a whole number",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "dataclass_type": "a mapping",
}


def _expected(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if "ge" in context:
        return f"at least {context['ge']}"
    if "le" in context:
        return f"at most {context['le']}"
    return _KINDS.get(detail["type"], "something else")
