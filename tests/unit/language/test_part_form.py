"""Parts of programs as plain data: every class has its form, and what is written is read."""

from __future__ import annotations

import inspect
import json
from dataclasses import is_dataclass
from typing import Any

import pytest

from durwan.diagnostics import Source, Span
from durwan.language.stored import part_form
from durwan.language.stored.part_form import PartReader, PartWriter
from durwan.model import types
from durwan.program import nodes
from tests.generators.programs import generate_program


def test_every_class_has_a_number() -> None:
    """A node or a type that is added to the language is added to the form."""
    found = {
        each
        for module in (nodes, types)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if is_dataclass(each) and each.__module__ == module.__name__ and each is not nodes.Node
    }
    numbered: tuple[Any, ...] = (*part_form._NODES, *part_form._TYPES)  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - the list is tested
    assert found == set(numbered)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_written_is_read(seed: int) -> None:
    """Rules of every kind survive the way through JSON, with their places."""
    program = generate_program(seed)
    writer = PartWriter()
    forms = json.loads(json.dumps([[writer.write(rule) for rule in program.rules], writer.table]))
    read = PartReader(Source("a.policy", ""), forms[1]).ordered(forms[0], program.rules[0].order)
    assert read == program.rules
    assert hash(read) == hash(program.rules)


def test_spans_survive() -> None:
    """Where a node stands in the text is read back, in the source that it is read for."""
    source = Source("a.policy", "key.id is known")
    node = nodes.Attribute(path="key.id", type=types.String(), span=Span(source, 0, 6))
    writer = PartWriter()
    form = writer.write(nodes.IsKnown(operand=node, span=Span(source, 0, 15)))
    read = PartReader(source, writer.table).read(json.loads(json.dumps(form)))
    assert (read.span.text, read.operand.span.text) == ("key.id is known", "key.id")
