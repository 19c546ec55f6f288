"""The house: who imports whom, what is public, that every code has a page and every operator every evaluator."""

from __future__ import annotations

import ast
import configparser
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from statistics import median, quantiles

import pytest
from importlinter.cli import lint_imports

import durwan
from durwan.backends.bytecode import Evaluator
from durwan.backends.columns.batch import batch_of
from durwan.backends.columns.evaluator import ColumnsEvaluator
from durwan.diagnostics.codes import CODES
from durwan.program import nodes, reference
from durwan.program.nodes import Expression
from durwan.program.operators import ARITHMETIC, OPERATORS
from durwan.program.program import Body, Program, Rule
from tests.differential import KEYS, engine_of
from tests.generators.programs import ACTIONS, NOW, generate_program
from tests.generators.requests import generate_request

ROOT = Path(__file__).parents[1]
ENGINE = ROOT / "engine"
CONTRACTS = Path(__file__).with_name("import_contracts.ini")

# ------------------------------------------------------------------------------------------------------------- imports


def test_imports_keep_the_contracts(capsys: pytest.CaptureFixture[str]) -> None:
    """Every import contract of `import_contracts.ini` is kept."""
    assert lint_imports(config_filename=str(CONTRACTS), no_cache=True, no_logo=True) == 0, capsys.readouterr().out
    # It configures logging, which disables every logger that there is; other tests read what ours says.
    logging.getLogger("durwan").disabled = False


def test_every_room_has_its_place_in_the_layers() -> None:
    """A new package or top module cannot come into being without a place among the layers, or beside them."""
    contracts = configparser.ConfigParser()
    contracts.read(CONTRACTS, encoding="utf-8")
    layers = contracts["importlinter:contract:layers"]["layers"].replace("|", " ").split()
    placed = {*layers, "durwan.credentials", "durwan.state"}
    rooms = {
        f"durwan.{path.stem}"
        for path in (ENGINE / "durwan").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }
    assert rooms == placed


def _loaded_by(statements: str) -> set[str]:
    """The modules that a new process has loaded after some statements."""
    script = f"import sys\n{statements}\nsys.stdout.write(' '.join(sys.modules))\n"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


# With all that lies below each of them.
_HEAVY = ("lark", "pydantic", "yaml", "logging", "asyncio", "durwan.language", "durwan.compilation", "durwan.workshop")


def _heavy(modules: set[str]) -> set[str]:
    return {name for name in modules if name in _HEAVY or name.startswith(tuple(f"{each}." for each in _HEAVY))}


def test_the_engine_loads_no_compiler() -> None:
    """Importing the engine loads no parser, no schema library, no YAML, no logging and nothing of the language."""
    assert _heavy(_loaded_by("from durwan import Engine, StaticKeys, PolicyError")) == set()


def test_a_decision_loads_no_compiler() -> None:
    """Deciding and explaining by a program that is compiled already loads none of them either."""
    statements = """
from random import Random
from tests.differential import engine_of
from tests.generators.programs import generate_program
from tests.generators.requests import generate_request
engine = engine_of(generate_program(1))
for seed in range(20):
    request = generate_request(Random(seed))
    engine.decide(request)
    engine.explain(request, nearest=False)
"""
    assert _heavy(_loaded_by(statements)) == set()


def test_the_version_loads_nothing_of_the_engine() -> None:
    """Importing the package alone, as for its version, loads no other module of it."""
    loaded = _loaded_by("import durwan; durwan.__version__")
    assert {name for name in loaded if name.startswith("durwan")} == {"durwan"}


# -------------------------------------------------------------------------------------------------------- public names


def test_the_public_names_are_these() -> None:
    """What the package exports is what the interface page promises, and nothing slips in."""
    assert durwan.__all__ == [
        "BoundEngine", "CacheLimits", "Decision", "Diagnostic", "DurwanError", "Engine", "Explanation", "Filter",
        "KeySource", "KeyTable", "PolicyError", "Remedy", "StaticKeys", "Status", "Trust", "__version__",
    ]  # fmt: skip
    for name in durwan.__all__:
        assert getattr(durwan, name) is not None
    assert set(dir(durwan)) >= set(durwan.__all__)


def test_there_are_no_other_public_names() -> None:
    """A name that the package does not export is none of it."""
    with pytest.raises(AttributeError, match="no attribute"):
        _ = durwan.compile_policy  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


# --------------------------------------------------------------------------------------------------------------- codes


@cache
def _test_texts() -> str:
    """All that the tests say, this file apart."""
    paths = [path for path in (ROOT / "tests").rglob("*") if path.suffix in (".py", ".md", ".txt", ".yaml")]
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(paths) if path != Path(__file__))


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_page_and_a_test(code: str) -> None:
    """Each registered code is explained on a page of its own, and named in some test."""
    page = ENGINE / "durwan" / "diagnostics" / "pages" / f"{code}.md"
    assert page.read_text(encoding="utf-8").strip()
    named = code in _test_texts()
    assert named, f"no test names {code}"


def test_every_page_has_a_code() -> None:
    """No page is left over from a code that is gone."""
    assert {path.stem for path in (ENGINE / "durwan" / "diagnostics" / "pages").iterdir()} == set(CODES)


# ----------------------------------------------------------------------------------------------------------- operators


def _parts(expression: Expression) -> Iterator[Expression]:
    yield expression
    match expression:
        case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
            for operand in operands:
                yield from _parts(operand)
        case nodes.Not(operand=operand) | nodes.Default(operand=operand) | nodes.IsKnown(operand=operand):
            yield from _parts(operand)
        case _:
            return


def _tests_with(operator: str, program: Program) -> Iterator[nodes.Operation]:
    """The smallest conditions of a program in which an operator stands; for arithmetic, the comparison around it."""
    for rule in program.rules:
        for part in _parts(rule.body.when):
            if isinstance(part, nodes.Operation) and part.operator not in ARITHMETIC:
                within = [part, *(each for operand in part.operands for each in _parts(operand))]
                if any(isinstance(each, nodes.Operation) and each.operator == operator for each in within):
                    yield part


def _alone(program: Program, condition: Expression) -> Program:
    """The program with two rules instead of its own: one allows where the condition is true, one marks not false."""

    def rule(order: int, *, shadow: bool) -> Rule:
        return Rule(
            effect="deny" if shadow else "allow", name=f"rule{order}", actions=ACTIONS, body=Body(when=condition),
            order=order, status=403 if shadow else 200, code="code", reason="", shadow=shadow,
        )  # fmt: skip

    return Program(
        name=program.name, schema=program.schema, rules=(rule(0, shadow=False), rule(1, shadow=True)),
        lets=program.lets, networks=program.networks, sets=program.sets, windows=program.windows,
    )  # fmt: skip


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_means_the_same_to_all_evaluators(operator: str) -> None:
    """The generator makes conditions with each operator; all evaluators find them true, false and unknown alike."""
    truths: set[bool | None] = set()
    random = Random(operator)
    programs = 0
    for seed in range(300):
        program = generate_program(seed)
        for condition in list(_tests_with(operator, program))[:2]:
            programs += 1
            truths |= _truths(_alone(program, condition), random)
        if programs >= 8 and truths == {True, False, None}:
            return
    pytest.fail(f"{programs} conditions, which were {truths}")


def _truths(program: Program, random: Random) -> set[bool | None]:
    """The truths that the condition had for random requests: by generated code, columns and the reference alike."""
    careful = Evaluator(program, clock=lambda: NOW, keys=KEYS.get)
    engine = engine_of(program)
    found: set[bool | None] = set()
    requests = [generate_request(random) for _ in range(40)]
    columns = batch_of(requests, program.schema, KEYS.get)
    by_columns = ColumnsEvaluator(program).explained(columns)
    for row, request in enumerate(requests):
        expected = reference.decide(program, request, clock=lambda: NOW, keys=KEYS.get)
        got = engine.decide(request)
        assert got.outcome == expected.outcome == careful.decide_carefully(request).outcome
        assert row in columns.beyond or by_columns[row] == expected.outcome
        if got.code not in ("unknown_action", "invalid_now"):
            found.add(True if got.allowed else None if got.shadows else False)
    return found


# --------------------------------------------------------------------------------------------------------------- style

# A file may be longer than 400 lines only where its parts belong before one pair of eyes; each says why.
_LONG = {
    "durwan/language/syntax.py": "one class for each form of the language, to be read beside the grammar",
}


def test_files_are_short() -> None:
    """No file of the engine has more than 400 lines, except for those that say why here."""
    long = {
        path.relative_to(ENGINE).as_posix()
        for path in ENGINE.rglob("*.py")
        if len(path.read_text(encoding="utf-8").splitlines()) > 400
    }
    assert long == set(_LONG)


def test_functions_are_short() -> None:
    """Half of the functions have fewer than 10 lines, nine in ten fewer than 30."""
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in ENGINE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert median(lengths) < 10
    assert quantiles(lengths, n=10)[-1] < 30


_VAGUE = {"utils", "util", "common", "helpers", "helper", "manager", "misc", "data", "info", "base", "core"}


def test_files_have_names_that_say_something() -> None:
    """No module or folder has a name under which anything could stand."""
    names = {part for path in ENGINE.rglob("*.py") for part in path.relative_to(ENGINE).with_suffix("").parts}
    assert names & _VAGUE == set()


# --------------------------------------------------------------------------------------------- what is not written down


def _texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the repository, as git would take it."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, timeout=60)
    for name in done.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            yield path, path.read_bytes().decode("utf-8", "replace")


# Written so that this file does not find itself.
_MACHINE = re.compile(r"(?<![\w.~$}*:-])/(?:root|home|work|tmp|Users|private)/(?=[\w.])|\b[A-Z]:\\\\?Users\\", re.ASCII)
_ADDRESS = re.compile(r"\bhttps?://([A-Za-z0-9.-]+)")
# Hosts that a reader anywhere can reach, and those reserved for examples.
_HOSTS = {
    "www.apache.org", "github.com", "docs.python.org", "www.rfc-editor.org", "json-schema.org", "docs.oasis-open.org",
    "iana.org",
    "example.com", "example.org", "example.net", "localhost", "127.0.0.1",
    "evil",  # of the corpus of paths: no name that resolves
    "durwan", "api",  # groups of servers in the guide of nginx
}  # fmt: skip


def test_no_path_of_a_machine_is_written_down() -> None:
    """No file of the repository names a directory of the machine on which it was written."""
    found = [f"{path.relative_to(ROOT)}: {match[0]}" for path, text in _texts() for match in _MACHINE.finditer(text)]
    assert found == []


def test_no_host_is_written_down() -> None:
    """No file of the repository names a host other than public ones and those reserved for examples."""
    found = {
        f"{path.relative_to(ROOT)}: {match[1]}"
        for path, text in _texts()
        for match in _ADDRESS.finditer(text)
        if match[1].rstrip(".") not in _HOSTS
        and not match[1].endswith((".example", ".example.com", ".example.org", ".test"))
    }
    assert found == set()
