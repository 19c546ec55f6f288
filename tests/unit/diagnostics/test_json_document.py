"""JSON files: what is read of them, every mistake, and where it is said to be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest

from durwan.diagnostics import Diagnostic, Span
from durwan.diagnostics.json_document import JsonDocument, read_json
from durwan.model.request import PLAIN


def read(text: str) -> tuple[JsonDocument | None, list[Diagnostic]]:
    return read_json("a.json", text.encode("utf-8", "surrogatepass"))


def document(text: str) -> JsonDocument:
    found, diagnostics = read(text)
    assert diagnostics == []
    assert found is not None
    return found


def told(text: str) -> list[tuple[str, str, str]]:
    found, diagnostics = read(text)
    assert found is None
    return [(each.code, each.message, each.span.text) for each in diagnostics]


def test_values_are_what_they_seem() -> None:
    """A number that a float would not hold exactly stays text, as in YAML files."""
    numbers = '{"c": 0.1000000000000000055511, "d": 1e999}'
    text = '{"a": [1, -2, 0.5, 1e2, true, false, null, "x", "\\ud83d\\ude00"], "b": %s}' % numbers  # noqa: UP031 - braces
    assert document(text).mapping == {
        "a": [1, -2, 0.5, 100.0, True, False, None, "x", "😀"],
        "b": {"c": "0.1000000000000000055511", "d": "1e999"},
    }
    assert document("[1]").mapping is None
    assert document("9999999999999999999").data == 9_999_999_999_999_999_999


def test_places_are_those_of_the_text() -> None:
    """Of values, of names, of first lines; where there is nothing, of what is around it."""
    text = '{\n  "keys": [\n    {"id": "a", "tags": ["x" , {"y":\n 2}]},\n    5\n  ]\n}\n'
    found = document(text)
    assert found.span(("keys", 0, "id")).text == "a"
    assert found.key_span(("keys", 0, "id")).text == "id"
    assert found.span(("keys", 0, "tags", 0)).text == "x"
    assert found.span(("keys", 0, "tags", 1, "y")).text == "2"
    assert found.key_span(("keys", 1)).text == found.span(("keys", 1)).text == "5"
    assert found.span(("keys", 0, "no")).text == found.span(("keys", 0)).text
    assert found.key_span(("keys", 0, "id", "no")).text == "a"
    assert found.span(("keys", 7)).text.startswith("[")
    assert found.first_line(("keys", 0)).text == '{"id": "a", "tags": ["x" , {"y":'
    assert found.first_line(("keys", 1)).text == "5"
    assert found.span().text == text.strip()
    assert found.span(("keys", 0)).source.position(found.span(("keys", 0, "id")).start) == (3, 13)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("P0515", "this is not JSON: expecting value", "")),
        ('{"a": 1,}', ("P0515", "this is not JSON: expecting property name enclosed in double quotes", "}")),
        ('{"a": 1} x', ("P0515", "this is not JSON: extra data", "x")),
        ("{'a': 1}", ("P0515", "this is not JSON: expecting property name enclosed in double quotes", "'")),
        ('{"a": 01}', ("P0515", "this is not JSON: expecting ',' delimiter", "1")),
        ('["NaN", NaN]', ("P0515", "this is not JSON: this is no number that every reader knows", "NaN")),
        ('["\\"", -Infinity]', ("P0515", "this is not JSON: this is no number that every reader knows", "-Infinity")),
        ("[12345678901234567890]",
         ("P0515", "this is not JSON: this is no number that every reader knows", "12345678901234567890")),
        ('{"a": %s, "a": 1}' % ("9" * 5_000), ("P0515", "this is not JSON: this is no number that every reader knows",
                                               "9" * 5_000)),
        ('["\\ud83d"]', ("P0515", "this is not JSON: this is half of a character", "\\ud83d")),
        ('["\\\\ud83d", "\\uDE00\\ud83d"]', ("P0515", "this is not JSON: this is half of a character", "\\uDE00")),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', ("P0505", '`"b"` is given twice', '"b"')),
        ('{"a": 1, "\\u0061": 2}', ("P0505", '`"\\u0061"` is given twice', '"\\u0061"')),
        ("[" * 33 + "]" * 33, ("P0509", "lists and mappings are nested deeper than 32 levels", "[")),
        ('["[[", ' + "[" * 100_000, ("P0509", "lists and mappings are nested deeper than 32 levels", "[")),
        ('["a\u202eb"]', ("P0503", "the character U+202E (right-to-left override) hides from a reviewer", "\u202e")),
        ("\ufeff{}", ("P0503", "the character U+FEFF (zero width no-break space) hides from a reviewer", "\ufeff")),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text: str, expected: tuple[str, str, str]) -> None:
    """Code, message and what is underlined; of a file with a mistake nothing is used."""
    assert told(text)[0] == expected


def test_the_first_of_a_name_given_twice_is_shown() -> None:
    """As a note; each later one is a mistake of its own."""
    _, (second, third) = read('{"a": 1, "b": {"a": 1},\n "a": 2,\n "a": 3}')
    assert [each.span.source.position(each.span.start)[0] for each in (second, third)] == [2, 3]
    assert second.notes[0].span.start == third.notes[0].span.start == 1


def test_nesting_is_allowed_to_its_limit() -> None:
    """Which may be given."""
    assert document("[" * 32 + "]" * 32).data
    assert read_json("a.json", b"[[1]]", nesting=1)[1][0].code == "P0509"
    assert read_json("a.json", b"[[1]]", nesting=2)[1] == []
    assert read_json("a.json", b"1", nesting=0)[1] == []


def test_what_is_no_text_or_too_large_is_not_read() -> None:
    """With the byte, or the sizes."""
    found, (diagnostic,) = read_json("a.json", b'{"a": "\xff"}')
    assert (found, diagnostic.code, diagnostic.span.start) == (None, "P0501", 7)
    found, (diagnostic,) = read_json("a.json", b"[1, 2]", most_bytes=5)
    assert (found, diagnostic.code) == (None, "P0502")
    assert read_json("a.json", b"[1, 2]", most_bytes=6)[1] == []


def test_mistakes_are_told_in_order_as_far_as_anyone_reads() -> None:
    """Twenty of them, and then that there are more."""
    found = told("[" + '"\\ud800", ' * 15 + "NaN, " * 15 + "1]")
    assert [code for code, _, _ in found] == ["P0515"] * 20 + ["P0514"]
    assert [text for _, _, text in found[14:16]] == ["\\ud800", "NaN"]


def test_windows_line_ends_change_no_place() -> None:
    """They are read as plain ones."""
    found = document('{\r\n"a": 1\r\n}')
    assert found.span(("a",)).source.position(found.span(("a",)).start) == (2, 6)


def value(random: Random, depth: int) -> Any:
    """Any plain data."""
    match random.randrange(7 if depth else 5):
        case 0:
            return random.choice(['a"b', "\\", "{[", "ü", "", "😀", "x\n"])
        case 1:
            return random.randrange(-100, 100)
        case 2:
            return random.choice([True, False, None])
        case 3:
            return random.randrange(100) / 4
        case 4:
            empty: list[Any] = [[], {}]
            return random.choice(empty)
        case 5:
            return [value(random, depth - 1) for _ in range(random.randrange(4))]
        case _:
            return {random.choice(["a", 'b"', "ü", "[", ""]): value(random, depth - 1) for _ in range(4)}


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The path of each value, with the value."""
    yield path, data
    inner: Iterable[tuple[str | int, Any]] = ()
    if type(data) is PLAIN:
        inner = data.items()
    elif isinstance(data, list):
        inner = enumerate(data)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
    for step, each in inner:  # pyright: ignore[reportUnknownVariableType] - JSON
        yield from places(each, (*path, step))


def written_at(span: Span) -> Any:
    """What stands at a place, its quotes put back."""
    text = span.source.text
    quoted = text[span.start - 1 : span.start] == text[span.end : span.end + 1] == '"'
    return json.loads(text[span.start - quoted : span.end + quoted])


def test_what_stands_at_a_place_is_the_value() -> None:
    """Of random data, however it is written: the text at each path reads as the value there, the key as its name."""
    for seed in range(300):
        random = Random(seed)
        data = value(random, 4)
        text = json.dumps(data, indent=random.choice([None, 0, 2]), ensure_ascii=random.random() < 0.5)
        found = document(f" \n{text}\t\n")
        for path, each in places(data):
            assert written_at(found.span(path)) == each
            if path and isinstance(path[-1], str):
                assert written_at(found.key_span(path)) == path[-1]
