"""What is enough, as a change of the key files: a unified diff in which all stays but what is not needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

from durwan.credentials.key_editing import KeyFile
from durwan.diagnostics.yaml_document import Document, read_yaml
from durwan.workshop.least_privilege.findings import KeyUse

_MOST_BYTES: Final = 256 << 20
# What YAML reads as text without quotes: names, networks of IPv4; addresses of IPv6 have colons.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*|[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?", re.ASCII)
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def patch(files: Mapping[str, bytes], keys: Iterable[KeyUse]) -> str:
    """The change of the key files that leaves to each key what is enough for it; empty where nothing changes.

    Args:
        files: the key files, by the paths that the change is to name.
        keys: what is said of the keys.

    Raises:
        DurwanError: a key file cannot be changed without spoiling its layout.
    """
    wanted = {each.id: lists_of(each) for each in keys if each.state == "narrower"}
    found: list[str] = []
    for path, content in files.items():
        found += _diff(content.decode(), changed_file(content, Path(path).suffix, wanted), path)
    return "".join(found)


def lists_of(key: KeyUse) -> dict[str, list[str]]:
    """The lists of a key as they should be, by the names of their fields; none where nothing is said."""
    lists = {"scopes": key.enough_scopes, "networks": key.enough_networks}
    return {name: list(each) for name, each in lists.items() if each is not None}


def changed_file(content: bytes, suffix: str, wanted: Mapping[str, Mapping[str, list[str]]]) -> str:
    """A key file in which some keys have other lists.

    Args:
        content: the file.
        suffix: the end of its name, which says whether it is YAML or JSON.
        wanted: the lists by their names, for each key by its id.

    Raises:
        DurwanError: that cannot be done in the file's layout.
    """
    text = content.decode()
    # Editing knows one kind of line break.
    of_windows = 0 < text.count("\n") == text.count("\r\n")
    text = text.replace("\r\n", "\n")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"keys{suffix}"
        path.write_bytes((text if suffix == ".json" else _edited(text, wanted)).encode())
        file = KeyFile(path)
        # Lists in lines of their own were changed line by line; whatever else there is, is changed here.
        for key_id, record in file.records():
            for name, members in wanted.get(key_id, {}).items():
                if name in record and record[name] != members:
                    file.set(key_id, name, members)
        file.save()
        changed = path.read_bytes().decode()
    return changed.replace("\n", "\r\n") if of_windows else changed


def _edited(text: str, wanted: Mapping[str, Mapping[str, list[str]]]) -> str:
    """A YAML file in which those lists are changed that have each member in a line of its own, comments kept."""
    document, _ = read_yaml("keys", text.encode(), most_bytes=_MOST_BYTES)
    if document is None:
        return text
    edits: list[tuple[int, int, str]] = []
    for place, record in enumerate(cast("list[dict[str, Any]]", (document.mapping or {}).get("keys") or [])):
        for name, members in wanted.get(str(record.get("id")), {}).items():
            if name in record and record[name] != members and members:
                edits += _line_edits(document, text, ("keys", place, name), record[name], members)
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _line_edits(
    document: Document, text: str, path: tuple[str | int, ...], old: Sequence[str], new: Sequence[str]
) -> Iterator[tuple[int, int, str]]:
    """Where to put what; nothing unless each member has its line."""
    spans = [document.span((*path, number)) for number in range(len(old))]
    starts = [text.rfind("\n", 0, span.start) + 1 for span in spans]
    if any(text[start : span.start].strip() != "-" for start, span in zip(starts, spans, strict=True)):
        return
    for kind, first, last, begin, end in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        added = [_scalar(each) for each in new[begin:end]]
        for number in range(first, last):
            if added:
                rest = [] if number < last - 1 else added[1:]
                yield from _in_place(
                    text, starts[number], spans[number].start, spans[number].end, [added.pop(0), *rest]
                )
            else:
                yield starts[number], _line_end(text, spans[number].end), ""
        if kind == "insert":
            at = _line_end(text, spans[first - 1].end) if first else starts[0]
            lead = text[starts[0] : spans[0].start]
            yield at, at, "".join(f"{lead}{each}\n" for each in added)


def _in_place(text: str, line: int, start: int, end: int, members: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """The first in the place of a member, the others in lines behind it."""
    yield start, end, members[0]
    if len(members) > 1:
        after, lead = _line_end(text, end), text[line:start]
        missing = "" if text[:after].endswith("\n") else "\n"
        yield after, after, missing + "".join(f"{lead}{each}\n" for each in members[1:])


def _line_end(text: str, place: int) -> int:
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


# -------------------------------------------------------------------------------------------------------------- diff


def _diff(old: str, new: str, path: str) -> Iterator[str]:
    """A unified diff as `git apply` takes it."""
    # A name with a space in it ends with a tab.
    end = "\t" if " " in path else ""
    for line in unified_diff(_lines(old), _lines(new), f"a/{path}{end}", f"b/{path}{end}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    """Lines as git counts them, which end with a line feed and with nothing else."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


__all__ = ["changed_file", "lists_of", "patch"]
