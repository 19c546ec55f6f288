"""Five changes of the reference set, replayed on a generated month: the flips reported are exactly the flips made.

The generated evaluator, with limits as `policy-check eval` asks them, decides every request of the month by both sides,
one after the other. Run as a program for the long version: `python -m tests.replay.known_changes --rows 5000000`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import polars as pl

from durwan import Engine, StaticKeys
from durwan.compilation import compile_policy
from durwan.language.policy_set import read_directory, read_mapping
from durwan.model.decision import Decision
from durwan.runtime.limits import UntouchedCounter
from durwan.runtime.policy import Compiled
from durwan.workshop.renames import Renames
from durwan.workshop.replaying.answers import Answer, answer_of, kind_of
from durwan.workshop.replaying.logs import RecordedRequests
from durwan.workshop.replaying.question import Question, usual_amounts
from durwan.workshop.replaying.running import replay
from durwan.workshop.replaying.sides import ProgramSide
from durwan.workshop.replaying.summary import Replay, summarize
from durwan.workshop.replaying.synthetic import SyntheticLog, clone_keys

POLICIES: Final = Path(__file__).parents[2] / "policies"
# For each change: the file, what is replaced by what, the rule that it is about, and the kinds of flips it can make.
CHANGES: Final[Mapping[str, tuple[str, str, str, str, frozenset[str]]]] = {
    "smaller orders": (
        "70-orders.policy", "request.notional > 1_000_000", "request.notional > 100_000", "max_order_value",
        frozenset({"newly-denied", "answered-otherwise"}),
    ),
    "a narrower collar": (
        "70-orders.policy", "reference_price * 1.05", "reference_price * 1.005", "price_collar",
        frozenset({"newly-denied", "answered-otherwise"}),
    ),
    "less risk": (
        "55-risk.policy", "risk.flagged or risk.score >= 90", "risk.flagged or risk.score >= 75", "risk_restricted",
        frozenset({"newly-denied", "answered-otherwise"}),
    ),
    "any address": (
        "20-networks.policy", "by_key and not (client.ip in key.networks)", "by_key and key.networks is unknown",
        "ip_not_allowed", frozenset({"newly-allowed", "newly-challenged", "answered-otherwise"}),
    ),
    "shorter breaks": (
        "40-sessions.policy", "idle > 30m", "idle > 1m", "session_idle",
        frozenset({"newly-challenged", "answered-otherwise"}),
    ),
}  # fmt: skip
Pair = tuple[Answer, Answer]


class WrongFlipsError(AssertionError):
    """What a replay reports is not what the engines make."""


def sides() -> tuple[Compiled, dict[str, Compiled]]:
    """The reference set, and what each change makes of it."""
    texts = {path: content.decode() for path, content in read_directory(POLICIES).files.items()}
    changed: dict[str, Compiled] = {}
    for name, (file, old, new, _, _) in CHANGES.items():
        assert old in texts[file]
        changed[name] = compile_policy(read_mapping({**texts, file: texts[file].replace(old, new)})).finished()
    return compile_policy(read_mapping(texts)).finished(), changed


def month(base: Compiled, folder: Path, rows: int, keys: StaticKeys) -> list[Path]:
    """A generated month of requests, in pieces."""
    log = SyntheticLog(base.program, dict(keys.items()), count=rows, decided=False)
    found: list[Path] = []
    for number, frame in enumerate(log.frames()):
        found.append(folder / f"part-{number:05}.parquet")
        frame.write_parquet(found[-1])
    return found


def made(pieces: list[Path], base: Engine, others: Mapping[str, tuple[Engine, Renames]]) -> dict[str, Counter[Pair]]:
    """The flips that engines make of a month, one request after the other."""
    found: dict[str, Counter[Pair]] = {name: Counter() for name in others}
    answers: dict[str, Answer] = {}
    for request in _requests(pieces):
        before = _answered(base.decide(request), answers)
        for name, (engine, renames) in others.items():
            after = _answered(engine.decide(request), answers)
            if after is not before and kind_of(before, after, renames) is not None:
                found[name][before, after] += 1
    return found


def _answered(decision: Decision, known: dict[str, Answer]) -> Answer:
    """The answer of a decision; the same object for equal ones."""
    answer = answer_of(decision.outcome)
    return known.setdefault(repr(answer), answer)


def _requests(pieces: list[Path]) -> Iterator[dict[str, Any]]:
    for piece in pieces:
        for row in pl.read_parquet(piece).iter_rows(named=True):
            yield {name: _known(value) for name, value in row.items()}


def _known(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    return {name: each for name, each in fields.items() if each is not None}


def reported(found: Replay) -> Counter[Pair]:
    """The flips that a replay reports, without what is asked for or granted where that does not tell them apart."""
    return Counter({(group.before, group.after): group.all.count for group in found.groups})


def compare(rows: int, folder: Path) -> dict[str, Replay]:
    """Replays each change, and compares what is reported with what engines make.

    Raises:
        WrongFlipsError: they differ.
    """
    base, changed = sides()
    keys = StaticKeys(clone_keys(dict(base.keys.items()), 200))  # type: ignore[attr-defined]  # those of the set
    pieces = month(base, folder, rows, keys)
    engines = {
        name: (_engine(each, keys), Renames.between(base.program, each.program)) for name, each in changed.items()
    }
    expected = made(pieces, _engine(base, keys), engines)
    found: dict[str, Replay] = {}
    for name, compiled in changed.items():
        before, after = ProgramSide(base, keys.get), ProgramSide(compiled, keys.get)
        question = Question(before=before, after=after, amounts=usual_amounts((after, before)))
        log = RecordedRequests.open([folder], after.reading, after.keys)
        found[name] = summarize(replay(log, question), question)
        if reported(found[name]) != _told(expected[name], reported(found[name])):
            raise WrongFlipsError(f"{name}\nreported {reported(found[name])}\nmade {expected[name]}")
    return found


def _engine(compiled: Compiled, keys: StaticKeys) -> Engine:
    return Engine(lambda: compiled, keys=keys, limits=UntouchedCounter(), cache=None)


def _told(flips: Counter[Pair], groups: Counter[Pair]) -> Counter[Pair]:
    """Flips as a replay tells them: see `durwan.workshop.replaying.summary`."""
    found: Counter[Pair] = Counter()
    for (before, after), count in flips.items():
        whole, plain = (before, after), (before._replace(terms=None), after._replace(terms=None))
        found[whole if whole in groups else plain] += count
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for name, found in compare(arguments.rows, Path(folder)).items():
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.kinds.items() if count)
            sys.stdout.write(f"{name}: {found.flips:,} of {found.requests:,} requests flip: {kinds}\n")
    sys.stdout.write(f"exactly those that the engines make; {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
