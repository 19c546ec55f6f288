"""Key files changed by a program so that people see in a review what changed, and nothing else did.

In YAML, a field is replaced where it stands or added below `created`, and a key is added at the end; comments and
layout stay. JSON is written anew in one layout. Whatever came of it is read again, and must be what was meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from durwan.credentials.kept_files import KeptFileError, read_whole, write_whole
from durwan.diagnostics.json_document import read_json
from durwan.diagnostics.yaml_document import Document, read_yaml

_MOST_BYTES: Final = 256 << 20
_MODE: Final = 0o644
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*(?:/[0-9]+)?|[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?", re.ASCII)
_NEWLINE: Final = "\n"
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


class KeyFile:
    """One key file: its keys as they are, and changes of them, written by `save`.

    Args:
        path: where it is, or will be; a name that ends in `.json`, `.yaml` or `.yml`.

    Raises:
        KeptFileError: it has another name, cannot be read, or has mistakes.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in {".json", ".yaml", ".yml"}:
            raise KeptFileError(f"{path} is no key file: its name must end in .yaml or .json")
        self.path = path
        self._is_json = path.suffix == ".json"
        self._text = read_whole(path, _MOST_BYTES, "the key file").decode() if path.exists() else ""
        keys = self._parsed(self._text)
        if keys is None:
            raise KeptFileError(f"the key file {path} has mistakes: policy-check shows them")
        self._keys = keys
        self._places = _places(self._keys)
        self._before = self._text

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._places

    def records(self) -> list[tuple[str, Mapping[str, object]]]:
        """The keys with their attributes, in their order."""
        return [(str(each["id"]), each) for each in self._keys]

    def get(self, key_id: str) -> Mapping[str, object] | None:
        """The attributes of one key."""
        place = self._places.get(key_id)
        return None if place is None else self._keys[place]

    def add(self, records: Sequence[Mapping[str, object]]) -> None:
        """More keys, at the end.

        Raises:
            KeptFileError: that cannot be done in this file's layout.
        """
        self._change([*self._keys, *map(dict, records)], _with_keys(self._text, self._document(), records))

    def set(self, key_id: str, name: str, value: object) -> None:
        """Gives a field of a key that is there another value.

        Raises:
            KeptFileError: that cannot be done in this file's layout.
        """
        document = self._document()
        place = self._places[key_id]
        fields = self._keys[place]
        if document is not None and (name not in fields or fields[name] != value):
            keys = [*self._keys[:place], {**fields, name: value}, *self._keys[place + 1 :]]
            self._change(keys, _with_field(document, place, name, value))

    def save(self) -> None:
        """Writes the file if something changed; its lock is held.

        Raises:
            KeptFileError: it cannot be written; then nothing has changed.
        """
        if self._text != self._before:
            write_whole(self.path, self._text.encode(), _MODE)
            self._before = self._text

    def _change(self, keys: list[dict[str, Any]], as_yaml: str) -> None:
        text = _as_json(keys) if self._is_json else as_yaml
        if self._parsed(text) != keys:
            advice = "write it in the layout of one field a line, or as JSON"
            raise KeptFileError(f"the key file {self.path} cannot be changed without spoiling its layout: {advice}")
        self._text, self._keys = text, keys
        self._places = _places(keys)

    def _parsed(self, text: str) -> list[dict[str, Any]] | None:
        """The keys in a text; None where it has mistakes."""
        if not text.strip():
            return []
        read = read_json if self._is_json else read_yaml
        document, found = read(str(self.path), text.encode(), most_bytes=_MOST_BYTES)
        if document is None or found:
            return None
        # A YAML file of comments alone.
        keys: object = [] if document.data is None else (document.mapping or {}).get("keys")
        good = isinstance(keys, list) and _have_ids(cast("list[object]", keys))
        return cast("list[dict[str, Any]]", keys) if good else None

    def _document(self) -> Document | None:
        return read_yaml(str(self.path), self._text.encode(), most_bytes=_MOST_BYTES)[0] if self._text.strip() else None


def _places(keys: Sequence[Mapping[str, object]]) -> dict[str, int]:
    return {str(each["id"]): place for place, each in enumerate(keys)}


def _have_ids(keys: Collection[object]) -> bool:
    ids = [cast("dict[str, object]", each).get("id") if isinstance(each, dict) else None for each in keys]
    return all(isinstance(each, str) for each in ids) and len(set(ids)) == len(ids)


def _as_json(keys: Sequence[Mapping[str, object]]) -> str:
    return json.dumps({"keys": keys}, indent=2, ensure_ascii=False) + "\n"


# -------------------------------------------------------------------------------------------------------------- YAML


def _with_keys(text: str, document: Document | None, records: Sequence[Mapping[str, object]]) -> str:
    if document is None or document.mapping is None:
        return f"{text}keys:\n{_items(records, '  ', '')}"
    span = document.span(("keys",))
    if not document.mapping["keys"]:
        return f"{text[: span.start].rstrip(' ')}\n{_items(records, '  ', '')}{text[span.end :].lstrip()}"
    first = document.span(("keys", 0)).start
    line = text[text.rfind("\n", 0, first) + 1 : first]
    indent = line[: len(line) - len(line.lstrip(" "))]
    gap = "\n" if "\n\n" in text[first:] else ""
    return f"{text}{'' if text.endswith(_NEWLINE) else _NEWLINE}{gap}{_items(records, indent, gap)}"


def _items(records: Sequence[Mapping[str, object]], indent: str, gap: str) -> str:
    return gap.join(_item(each, indent) for each in records)


def _item(record: Mapping[str, object], indent: str) -> str:
    lines = [f"{name}: {_value(value)}" for name, value in record.items()]
    return "".join(f"{indent}{'- ' if place == 0 else '  '}{line}\n" for place, line in enumerate(lines))


def _with_field(document: Document, place: int, name: str, value: object) -> str:
    text = document.source.text
    fields = cast("dict[str, Any]", cast("dict[str, Any]", document.mapping)["keys"][place])
    if name in fields:
        span = document.span(("keys", place, name))
        return f"{text[: span.start]}{_value(value)}{text[span.end :]}"
    after = "created" if "created" in fields else "id"
    begin = document.key_span(("keys", place, after)).start
    end = document.span(("keys", place, after)).end
    if text[document.span(("keys", place)).start] == "{":
        return f"{text[:end]}, {name}: {_value(value)}{text[end:]}"
    column = begin - (text.rfind("\n", 0, begin) + 1)
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    return f"{text[:line_end]}\n{' ' * column}{name}: {_value(value)}{text[line_end:]}"


def _value(value: object) -> str:
    """A value as one line of YAML; a word stands without quotes, everything else as JSON writes it."""
    if isinstance(value, str):
        is_word = _PLAIN.fullmatch(value) is not None and value.lower() not in _WORDS
        return value if is_word else json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"[{', '.join(_value(each) for each in cast('Collection[object]', value))}]"
    return json.dumps(value, ensure_ascii=False)


__all__ = ["KeyFile"]
