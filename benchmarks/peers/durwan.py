"""durwan itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.peers import durwan_cached
from benchmarks.peers.durwan_cached import key_by_id
from benchmarks.workloads import w1, w5
from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload
from durwan import Engine, StaticKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# The first set that a process compiles pays for importing the parser and building its grammar, and no other does.
Engine.from_sources({"first.policy": "actions { a.b }\nallow c on a.b when client.ip in { 10.0.0.0/8 }\n"}).close()


def _ready(decide: Callable[[Request], Any], requests: Iterable[Request]) -> Decider:
    """What decides, once it has decided each action: an action's functions are generated when it is first decided."""
    for request in {request["action"]: request for request in requests}.values():
        decide(request)
    return decide


def _engine(workload: Workload[Any]) -> Decider:
    return _ready(Engine.from_sources(workload.sources, cache=None).decide, workload.requests)


def _engine_with_keys(workload: Workload[Any]) -> Decider:
    engine = Engine.from_sources(workload.sources, cache=None, keys=StaticKeys(workload.content.keys))
    return _ready(engine.decide, map(key_by_id, workload.requests))


def _bound_engine(workload: Workload[w5.Connection]) -> Decider:
    content = workload.content
    engine = Engine.from_sources(workload.sources, keys=StaticKeys(content.keys))
    return _ready(engine.bind(**key_by_id(content.fixed)).decide, map(w5.varying, workload.requests))


# Without the cache, which would know all these requests after the first pass: W4 is about that.
_SEEN = Contender(name="durwan", build=_engine, returns_decision=True)
_UNSEEN = Contender(name="durwan, address never seen", build=_engine, returns_decision=True, unseen=True)
_KEYS_BY_ID = Contender(name="durwan, keys by id", build=_engine_with_keys, returns_decision=True, given=key_by_id)


def _whole_amounts() -> Workload[w5.Connection]:
    return w5.make_workload(w5.SIZES[0], whole=True)


_DECODED = partial(Contender, returns_decision=True, decoded=True)
_ON_A_CONNECTION = (
    _DECODED(name=w5.BOUND, build=_bound_engine, given=w5.varying, unseen=True),
    _DECODED(name="durwan uncached", build=_engine, unseen=True),
    _DECODED(name="durwan uncached, keys by id", build=_engine_with_keys, given=key_by_id, unseen=True),
    *durwan_cached.ON_A_CONNECTION,
    _DECODED(name=w5.BOUND + w5.WHOLE, build=_bound_engine, given=w5.varying, unseen=True, instead=_whole_amounts),
    _DECODED(name="durwan uncached" + w5.WHOLE, build=_engine, unseen=True, instead=_whole_amounts),
    _DECODED(name=w5.OF_W1, build=_engine, instead=lambda: w1.make_workload(w1.SIZES[0])),
)

CONTENDERS: Contenders = {
    "w1": (_SEEN, _UNSEEN, _KEYS_BY_ID),
    "w2": (_SEEN, _UNSEEN),
    "w3": (_SEEN, _UNSEEN),
    "w4": durwan_cached.REPEATED,
    "w5": _ON_A_CONNECTION,
}
