"""The ways in which a request can come to its decision. All of them have to say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from durwan.backends.columns.batch import batch_of
from durwan.backends.columns.evaluator import ColumnsEvaluator
from durwan.model.decision import Decision
from durwan.program import reference
from durwan.runtime.engine import Engine
from durwan.runtime.key_lookup import prepared
from durwan.runtime.policy import Compiled

# 2026-03-02T09:00:00Z, a Monday: the clock of every engine here.
NOW = 1_772_442_000_000

Way = Callable[[Compiled, Mapping[str, Any]], Decision]


class PlainMapping(Mapping[str, Any]):
    """A request that is a mapping and no dict, as a framework may hand it over."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def engine_of(compiled: Compiled) -> Engine:
    """A new engine, which has not yet written any code."""
    return Engine(lambda: compiled, clock=lambda: NOW)


def by_reference(compiled: Compiled, request: Mapping[str, Any]) -> Decision:
    """By the reference evaluator, with keys as the engine prepares them."""
    keys = prepared(compiled.keys, compiled.program.schema)
    return reference.decide(compiled.program, request, clock=lambda: NOW, keys=keys, revision=compiled.revision)


def strictly(compiled: Compiled, request: Mapping[str, Any]) -> Decision:
    """By the strict function: the first call writes it, the second one calls it with a plain dict."""
    engine = engine_of(compiled)
    engine.decide(request)
    return engine.decide(dict(request))


def carefully(compiled: Compiled, request: Mapping[str, Any]) -> Decision:
    """By the careful function: a mapping that is no dict never reaches the strict one."""
    return engine_of(compiled).decide(PlainMapping(request))


def by_columns(compiled: Compiled, request: Mapping[str, Any]) -> Decision:
    """As columns of one row. They do not say until when a decision holds: that is the reference evaluator's here."""
    keys = prepared(compiled.keys, compiled.program.schema)
    now = NOW if request.get("now") is None else request["now"]
    batch = batch_of([{**request, "now": now}], compiled.program.schema, keys)
    assert not batch.beyond
    evaluator = ColumnsEvaluator(compiled.program, compiled.revision)
    (outcome,) = evaluator.explained(batch)
    codes: list[int] = evaluator.codes(batch).to_list()
    assert evaluator.outcomes[codes[0]].rule == outcome.rule
    return outcome.until(by_reference(compiled, request).valid_until)


WAYS: Mapping[str, Way] = {
    "reference": by_reference, "strict": strictly, "careful": carefully, "columns": by_columns,
}  # fmt: skip
