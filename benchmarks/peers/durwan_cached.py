"""durwan with its decision cache, and without: W4, and the part of W5 that is about it."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.workloads import w4
from benchmarks.workloads.workload import Contender, Decider, Request, Workload
from durwan import Engine, StaticKeys
from durwan.runtime.decision_store import CacheLimits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FEWEST_DECISIONS = 2_048
"""Of each action before it is timed: with that, a cache's trial is over."""
MOST_LISTS = 150

CACHES = {w4.UNCACHED: None, w4.CACHED: CacheLimits(), w4.AT_ONCE: CacheLimits(trial=0)}


def key_by_id(request: Request) -> Request:
    """The request with its key named by its id instead of told by its attributes."""
    return {**request, "key": request["key"]["id"]}


def _build_cached(workload: Workload[Any], cache: CacheLimits | None, form: str, *, by_id: bool) -> Decider:
    engine = Engine.from_sources(workload.sources, cache=cache, keys=StaticKeys(workload.content.keys))
    _drive(engine, _lists(workload, form, by_id=by_id))
    return engine.decide


def _lists(workload: Workload[Any], form: str, *, by_id: bool) -> Iterator[Sequence[Request]]:
    """What a contender of this form is given, pass after pass."""
    renewed = form == w4.RENEWED and workload.unseen is not None
    for requests in workload.unseen() if renewed else itertools.repeat(workload.requests):
        given = [key_by_id(request) for request in requests] if by_id else requests
        yield given if form == w4.WARM else [json.loads(json.dumps(request)) for request in given]


def _drive(engine: Engine, lists: Iterator[Sequence[Request]]) -> None:
    """Decide until the cache has made up its mind about each action."""
    decided: Counter[str] = Counter()
    for requests in itertools.islice(lists, MOST_LISTS):
        for request in requests:
            engine.decide(request)
        decided.update(request["action"] for request in requests)
        if min(decided.values()) >= FEWEST_DECISIONS:
            return


def _cached(cache: str, form: str, *, by_id: bool) -> Contender[Any]:
    return Contender(
        name=w4.contender(cache, form, by_id=by_id),
        build=partial(_build_cached, cache=CACHES[cache], form=form, by_id=by_id),
        returns_decision=True,
        given=key_by_id if by_id else None,
        decoded=form != w4.WARM,
        unseen=form == w4.RENEWED,
    )


REPEATED = tuple(_cached(cache, form, by_id=by_id) for by_id in (False, True) for form in w4.FORMS for cache in CACHES)
ON_A_CONNECTION = tuple(
    Contender(
        name="durwan cached" + ", keys by id" * by_id,
        build=partial(_build_cached, cache=CACHES[w4.CACHED], form=w4.RENEWED, by_id=by_id),
        returns_decision=True,
        given=key_by_id if by_id else None,
        unseen=True,
        decoded=True,
    )
    for by_id in (False, True)
)
