"""Key files: `keys/*.yaml` of a policy set. They say what a key may do; they never hold a secret.

A file is a mapping with one field, `keys`, a list of keys. Each key is a mapping of the fields of `KeyRecord`, of which
only `id` is required, and of what else the policy set declares in its `key` context.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from ipaddress import ip_network
from typing import Annotated, Any, Final, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from durwan.credentials import mistakes
from durwan.credentials.keys import StaticKeys
from durwan.diagnostics import Diagnostic, Span
from durwan.diagnostics.yaml_document import Document, read_yaml
from durwan.model.address import parse_network
from durwan.model.values import parse_instant

_MOST_MISTAKES: Final = 50
_SECRETS: Final = frozenset(
    {
        "api_secret", "hmac_key", "hmac_secret", "key_secret", "mnemonic", "passphrase", "password", "private_key",
        "secret", "secret_key", "seed", "signing_key", "token",
    }
)  # fmt: skip


def _time(text: str) -> str:
    if parse_instant(text) is None:
        raise ValueError("time")
    return text


def _network(text: str) -> str:
    if parse_network(text) is None:
        raise ValueError("network")
    return text


_Time = Annotated[str, AfterValidator(_time)]
_Network = Annotated[str, AfterValidator(_network)]


class KeyRecord(BaseModel):
    """What a key file may say of a key: the attributes that the prelude declares for `key`.

    Whatever is left out is unknown to the policies. Times are RFC 3339 text; networks are addresses or networks in the
    language's form.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, Field(min_length=1)]
    account: str = ""
    subaccount: str = ""
    environment: str = ""
    owner: str = ""
    scopes: list[str] = []
    networks: list[_Network] = []
    symbols: list[str] = []
    labels: list[str] = []
    created: _Time = ""
    rotated: _Time = ""
    expires: _Time = ""
    last_used: _Time = ""
    not_before: _Time = ""
    revoked: bool = False


FIELDS: Final = tuple(KeyRecord.model_fields)


def read_key_files(
    files: Mapping[str, bytes],
    folder: str = "keys",
    *,
    declared: Collection[str] = (),
    scopes: Collection[str] | None = None,
    most_bytes: int = 1 << 20,
) -> tuple[StaticKeys, list[Diagnostic]]:
    """All keys of a policy set, and what is wrong with its key files; a key with a mistake is left out.

    Args:
        files: the files of the set.
        folder: where key files lie; or the path of the only one.
        declared: the attributes that the set's own policies declare for `key`: they may stand beside the known fields.
        scopes: the scopes that a key may be given; None where they are not known, and then any may.
        most_bytes: how large a file may be.
    """
    reader = _Reader(frozenset(declared), scopes)
    for path, content in files.items():
        if path == folder or (path.startswith(f"{folder}/") and path.endswith((".yaml", ".yml"))):
            document, found = read_yaml(path, content, most_bytes=most_bytes)
            reader.report.extend(found)
            if document is not None:
                reader.read(document)
    return StaticKeys(reader.keys), reader.finished()


class _Reader:
    def __init__(self, declared: frozenset[str], scopes: Collection[str] | None) -> None:
        self.keys: dict[str, Mapping[str, object]] = {}
        self.report: list[Diagnostic] = []
        self._declared = declared
        self._scopes = scopes
        self._ids: dict[str, Span] = {}

    def read(self, document: Document) -> None:
        """Take the keys of one file."""
        fields = document.mapping or {}
        if not isinstance(fields.get("keys"), list):
            self.report.append(mistakes.no_keys(document.first_line()))
            return
        for name in fields:
            if name != "keys":
                self.report.append(self._unknown(document.key_span((name,)), name, ("keys",)))
        for index, record in enumerate(fields["keys"]):
            self._take(document, index, record)

    def finished(self) -> list[Diagnostic]:
        """What was found, in source order, as far as anyone would read it."""
        found = sorted(self.report, key=lambda item: item.order)
        if len(found) > _MOST_MISTAKES:
            return [*found[:_MOST_MISTAKES], mistakes.more_mistakes(found[_MOST_MISTAKES].span, _MOST_MISTAKES)]
        return found

    def _take(self, document: Document, index: int, record: Any) -> None:
        try:
            KeyRecord.model_validate(self._without_declared(record))
        except ValidationError as error:
            self.report.extend(self._diagnostics(document, ("keys", index), error.errors()))
            return
        span = document.span(("keys", index, "id"))
        key_id: str = record["id"]
        if key_id in self._ids:
            self.report.append(mistakes.duplicate_id(span, self._ids[key_id]))
            return
        self._ids[key_id] = span
        undeclared = list(self._undeclared_scopes(document, index, record))
        self.report.extend(undeclared)
        if not undeclared:
            self.keys[key_id] = record

    def _undeclared_scopes(self, document: Document, index: int, record: dict[str, Any]) -> Iterator[Diagnostic]:
        if self._scopes is None:
            return
        given: list[str] = record.get("scopes", [])
        for position, scope in enumerate(given):
            if scope not in self._scopes:
                near = get_close_matches(scope, self._scopes, n=1, cutoff=0.6)
                span = document.span(("keys", index, "scopes", position))
                yield mistakes.undeclared_scope(span, near[0] if near else None)

    def _without_declared(self, record: Any) -> Any:
        """The key without the attributes that only this policy set knows: the model cannot say what they may be."""
        if not isinstance(record, dict):
            return record
        fields = cast("dict[str, Any]", record)
        further = self._declared.difference(FIELDS)
        return {name: value for name, value in fields.items() if name not in further}

    def _diagnostics(
        self, document: Document, place: tuple[str | int, ...], details: list[ErrorDetails]
    ) -> Iterator[Diagnostic]:
        for detail in details:
            path = (*place, *detail["loc"])
            match detail["type"]:
                case "missing":
                    yield mistakes.missing_id(document.first_line(place))
                case "extra_forbidden":
                    yield self._unknown(document.key_span(path), str(path[-1]), (*FIELDS, *sorted(self._declared)))
                case "value_error" if path[-1] in FIELDS:
                    yield mistakes.bad_time(document.span(path))
                case "value_error":
                    yield mistakes.bad_network(document.span(path), _right_network(str(detail["input"])))
                case kind:
                    yield mistakes.wrong_value(_value_span(document, path), _name(detail), _EXPECTED.get(kind, "text"))

    def _unknown(self, span: Span, name: str, known: tuple[str, ...]) -> Diagnostic:
        if name.lower().replace("-", "_") in _SECRETS:
            return mistakes.secret(span)
        near = get_close_matches(name, known, n=1, cutoff=0.6)
        return mistakes.unknown_field(span, near[0] if near else None, known)


_EXPECTED: Final[Mapping[str, str]] = {
    "model_type": "a mapping",
    "list_type": "a list",
    "bool_type": "`true` or `false`",
    "string_type": "text",
    "string_too_short": "text that is not empty",
}


def _name(detail: ErrorDetails) -> str | None:
    """The field that is wrong, and for a member of a list which one; None for the key as a whole."""
    if not detail["loc"]:
        return None
    return "".join(f"[{step}]" if isinstance(step, int) else step for step in detail["loc"])


def _value_span(document: Document, path: tuple[str | int, ...]) -> Span:
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
