"""A fixed corpus of policies and requests, decided; run as a program, it prints a line for each decision."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import Random

from durwan import Engine
from tests import differential
from tests.conformance.evaluators import NOW
from tests.generators.programs import ACTIONS, generate_program
from tests.generators.requests import generate_request

_TEXT = f"""
actions {{ {" ".join(ACTIONS)} }}
scopes {{ read  write includes read }}
set desks = {{ "desk-1", "desk-2", "a" }}
network office = {{ 10.0.0.0/24, 2001:db8::/48 }}
window hours = mon..fri 08:00..18:00 "Europe/London"
challenge login_first on * when session.mfa_at < now - 5m require login
allow desk on orders.* when key.id in desks and client.ip in office
allow hours on * when now in hours and key.scopes has any of {{ write, read }} and key.symbols has any of {{ "a", "" }}
deny revoked when key.revoked default false
"""


def decide_corpus(*, compiled: bool = True, explained: bool = False) -> Iterator[str]:
    """A line for each decision, with all that it says; `compiled`: also by a policy that is compiled from text."""
    engines = [differential.engine_of(generate_program(seed)) for seed in range(10)]
    if compiled:
        engines.append(Engine.from_sources({"a.policy": _TEXT}, keys=differential.KEYS, clock=lambda: NOW))
    for number, engine in enumerate(engines):
        random = Random(number)
        for _ in range(50):
            request = generate_request(random)
            yield repr(engine.decide(request))
            if explained:
                engine.explain(request, nearest=False)


if __name__ == "__main__":
    for line in decide_corpus():
        sys.stdout.write(f"{line}\n")
