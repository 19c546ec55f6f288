"""Generated trees: what they may contain, and that a traceback shows their lines."""

from __future__ import annotations

import ast
import traceback
from typing import Any

import pytest

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.evaluator import Evaluator
from durwan.backends.bytecode.frame import HELPERS
from tests.generators.programs import ACTIONS, NOW, generate_program

BOUND: dict[str, Any] = dict.fromkeys(("type", "dict", "str", "int"), type)


def tree_of(source: str) -> ast.FunctionDef:
    """A function as somebody else would have written it."""
    statement = ast.parse(source).body[0]
    assert isinstance(statement, ast.FunctionDef)
    return statement


@pytest.mark.parametrize(
    "source",
    [
        "def decide(request, now):\n    import os",
        "def decide(request, now):\n    return request.get",
        "def decide(request, now):\n    return (lambda: 1)",
        "def decide(request, now):\n    return f'{now}'",
        "def decide(request, now):\n    return open('x')",
        "def decide(request, now):\n    return request['x']()",
        "def decide(request, now):\n    return __builtins__",
        "def decide(request, now):\n    while True:\n        pass",
        "def decide(request, now):\n    return [x for x in request]",
        "def decide(request, now):\n    ａｄｍｉｎ = 1",
    ],
)
def test_a_tree_with_anything_else_is_refused(source: str) -> None:
    """Attributes, imports, calls of anything unbound and odd names never reach the compiler."""
    with pytest.raises(emit.UnverifiedTreeError):
        emit.verify(tree_of(source), BOUND)


def test_generated_code_reaches_nothing_but_its_helpers() -> None:
    """The globals of a generated function hold no builtins."""
    seen = 0
    for seed in range(10):
        evaluator = Evaluator(generate_program(seed), clock=lambda: NOW)
        for action in ACTIONS:
            evaluator.decide_carefully({"action": action})
            namespace: dict[str, Any] = evaluator.functions[action].__globals__
            if namespace["__name__"].startswith("durwan generated"):
                assert namespace["__builtins__"] == {}
                assert set(HELPERS) <= set(namespace)
                seen += 1
    assert seen > 10


def test_a_traceback_shows_the_generated_line() -> None:
    """The file of a generated function stands in linecache, and its line numbers are those of the shown text."""
    body = [
        emit.assign("u", emit.number(1)),
        emit.when(emit.compare(emit.name("now"), "is", emit.NONE), emit.assign("u", emit.number(2))),
        emit.assign("x", emit.item(emit.name("request"), ast.Constant("absent"))),
        ast.Return(emit.name("u")),
    ]
    function = emit.load(emit.function_tree(["request", "now"], body), "shown", BOUND)
    with pytest.raises(KeyError) as caught:
        function({}, 0)
    shown = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert shown.line == "x = request['absent']"
    assert shown.filename.startswith("durwan generated shown #")


@pytest.mark.parametrize("seed", range(20))
def test_the_same_program_is_written_the_same(seed: int) -> None:
    """Generated text depends on the program alone."""
    texts = [
        [Evaluator(generate_program(seed), clock=lambda: NOW).source(action) for action in ACTIONS] for _ in range(2)
    ]
    assert texts[0] == texts[1]
