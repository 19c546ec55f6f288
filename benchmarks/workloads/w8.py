"""W8, starting: the rules of W2 from text and from bundles, and the reference policies checked.

`python -m benchmarks.workloads.w8 STEP SIZE DIRECTORY` takes one step in a process of its own and prints what it cost,
as JSON. Nothing of durwan is imported before the clock runs, unless the step says so.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.workloads.w2 import make_rules, policy_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILES = 100
"""Into how many files a set is divided of which one is changed."""
ROOT = Path(__file__).parents[2]
HEAVY = ("lark", "pydantic", "yaml", "logging")
"""What `import durwan`, and a gateway that loads a bundle, must not load."""
_MOST_BYTES = 1 << 30
Cost = dict[str, float]
_kept: list[object] = []
"""What a step made, so that taking it apart again is not measured."""


def sources(size: int, *, changed: bool = False) -> dict[str, str]:
    """The rules of W2 in a hundred files; where `changed`, the text of the very first rule is another one."""
    files = policy_sources(make_rules(size), max(1, size // FILES))
    first = "keys/0000.policy"
    return {**files, first: files[first].replace('key.id == "k0"', 'key.id == "k0, changed"')} if changed else files


@contextmanager
def clocked(cost: Cost) -> Iterator[None]:
    """Adds what the block costs: seconds, seconds of the processor, and the highest use of memory so far in MiB."""
    start, processor = time.perf_counter(), _processor_seconds()
    yield
    cost["seconds"] = time.perf_counter() - start
    cost["processor"] = _processor_seconds() - processor
    cost["mebibytes"] = max(each.ru_maxrss for each in _used()) / 1_024


def _processor_seconds() -> float:
    return sum(each.ru_utime + each.ru_stime for each in _used())


def _used() -> list[resource.struct_rusage]:
    """What this process used, and what those used that it started and that have ended."""
    return [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]


def _require_light() -> None:
    if loaded := [name for name in HEAVY if name in sys.modules]:
        raise SystemExit(f"loaded, and should not be: {', '.join(loaded)}")


# ---------------------------------------------------------------- steps


def import_durwan(_size: int, _directory: Path, cost: Cost) -> None:
    """`import durwan`."""
    with clocked(cost):
        import durwan  # noqa: F401
    _require_light()


def import_engine(_size: int, _directory: Path, cost: Cost) -> None:
    """`from durwan import Engine`, with which the import is done in earnest."""
    with clocked(cost):
        from durwan import Engine  # noqa: F401
    _require_light()


def compile_text(size: int, _directory: Path, cost: Cost) -> None:
    """Imports the compiler and compiles."""
    texts = sources(size)
    with clocked(cost):
        from durwan.compiler import Compiler
        from durwan.language.policy_set import read_mapping

        _kept.append(compiler := Compiler())
        _kept.append(compiler.compile(read_mapping(texts)).finished())


def recompile(size: int, _directory: Path, cost: Cost) -> None:
    """In a process that keeps the compiler, compiles again after one rule's text was changed."""
    from durwan.compiler import Compiler
    from durwan.language.policy_set import read_mapping

    compiler, whole = Compiler(), {}
    with clocked(whole):
        before = compiler.compile(read_mapping(sources(size)))
    changed = read_mapping(sources(size, changed=True))
    with clocked(cost):
        after = compiler.compile(changed)
    cost["share"] = cost["processor"] / whole["processor"]
    if before.finished().revision == after.finished().revision:
        raise SystemExit("the change did not count")


def compile_imported(size: int, _directory: Path, cost: Cost) -> None:
    """Compiles with a compiler that was imported before, in a process that never looks for garbage: `policy-check`."""
    _compile(sources(size), None, cost)


def fill_store(size: int, directory: Path, cost: Cost) -> None:
    """The same, and stores what it found out."""
    _compile(sources(size), directory, cost)


def compile_stored(size: int, directory: Path, cost: Cost) -> None:
    """The same, with a store that knows 99 of 100 files."""
    known = set(directory.iterdir())
    _compile(sources(size, changed=True), directory, cost)
    for path in set(directory.iterdir()) - known:
        path.unlink()  # of the changed file; the next turn finds things as this one did


def _compile(texts: dict[str, str], directory: Path | None, cost: Cost) -> None:
    from durwan.compiler import Compiler
    from durwan.language.policy_set import read_mapping
    from durwan.language.stored.store import Store

    gc.disable()
    with clocked(cost):
        _kept.append(compiler := Compiler(None if directory is None else Store(directory)))
        _kept.append(compiler.compile(read_mapping(texts)).finished())


def write_bundle(size: int, directory: Path, cost: Cost) -> None:
    """Makes a bundle."""
    from durwan.compiler import Compiler
    from durwan.language.policy_set import read_mapping
    from durwan.workshop.bundling import build_bundle

    compiled = Compiler().compile(read_mapping(sources(size))).finished()
    with clocked(cost):
        (directory / "w8.bundle").write_bytes(build_bundle(compiled, version=1))


def load_bundle(_size: int, directory: Path, cost: Cost) -> None:
    """Reads a bundle, of whatever size, into an engine; both were imported before."""
    from durwan import Engine
    from durwan.runtime.bundle import read_bundle, read_bundle_file

    with clocked(cost):
        content = read_bundle_file(directory / "w8.bundle", _MOST_BYTES)
        bundle = read_bundle(content, trust=None, now_ms=0, most_bytes=_MOST_BYTES)
        _kept.append(Engine(lambda: bundle.compiled))
    _require_light()


def check_cold(_size: int, directory: Path, cost: Cost) -> None:
    """`policy-check policies/` in a process of its own, whose cache is empty the first time."""
    command = "import sys; from durwan.cli.policy_check import run; sys.exit(run())"
    words = [sys.executable, "-c", command, str(ROOT / "policies"), "--cache", str(directory)]
    with clocked(cost):
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


STEPS: dict[str, Callable[[int, Path, Cost], None]] = {
    step.__name__: step
    for step in (
        import_durwan, import_engine, compile_text, compile_imported, recompile, fill_store, compile_stored,
        write_bundle, load_bundle, check_cold,
    )
}  # fmt: skip


def take(step: str, size: int, directory: Path) -> Cost:
    """What a step costs in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.workloads.w8", step, str(size), str(directory)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": ""})
    cost: Any = json.loads(done.stdout)
    return cost


def main() -> None:
    """Takes the step that the command line names."""
    step, size, directory = sys.argv[1:]
    cost: Cost = {}
    STEPS[step](int(size), Path(directory), cost)
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
