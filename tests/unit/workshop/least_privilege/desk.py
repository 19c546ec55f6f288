"""A desk with keys that hold more than they use, and logs of what they were used for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from durwan.compilation import Compilation, compile_policy
from durwan.language.policy_set import read_mapping
from durwan.program.program import Program
from durwan.workshop.least_privilege.finding import least_privilege
from durwan.workshop.least_privilege.findings import KeyUse, LeastPrivilege
from durwan.workshop.least_privilege.judging import Demands
from durwan.workshop.least_privilege.sightings import watched
from durwan.workshop.replaying.logs import RecordedRequests

START = 1_772_442_000_000
DAY = 86_400_000

POLICY = """\
actions { orders.read orders.cancel orders.create withdrawals.create reports.read keys.create }
scopes {
  orders.read
  orders.cancel includes orders.read
  orders.write  includes orders.cancel
  withdrawals.write
  reports.daily
  reports.weekly
  keys.manage
  spare
}
allow read     on orders.read        when key.scopes has orders.read
allow cancel   on orders.cancel      when key.scopes has orders.cancel
allow create   on orders.create      when key.scopes has orders.write
allow withdraw on withdrawals.create when key.scopes has withdrawals.write
allow report   on reports.read       when key.scopes has any of { reports.daily, reports.weekly }
allow manage   on keys.create        when token.scopes has keys.manage
deny elsewhere on orders.*, withdrawals.*, reports.*
  when not (client.ip in key.networks)
  unless key.labels has "unbound"
challenge mfa on withdrawals.create when session.mfa_at is unknown require mfa
"""

KEYS = """\
# The keys of the desk.
keys:
  - id: desk-7             # trades
    scopes: [orders.write, withdrawals.write, spare]  # too many
    networks:
      # the office
      - 203.0.113.0/24     # main building
      - 198.51.100.0/24    # the old one
      - "2001:db8:10::/48"
    labels: []
    created: "2026-01-15T00:00:00Z"

  - id: reader
    scopes: [reports.weekly, reports.daily]
    networks: [10.0.0.0/8, 192.0.2.0/24]
    labels: []

  - id: forgotten
    scopes: [withdrawals.write]
    networks: [192.0.2.0/24]
"""


def compiled(policy: str = POLICY, keys: str = KEYS) -> Compilation:
    """The policy set of the desk."""
    compilation = compile_policy(read_mapping({"desk.policy": policy, "keys/desk.yaml": keys}))
    assert compilation.program is not None, compilation.diagnostics
    return compilation


def program_of(compilation: Compilation) -> Program:
    assert compilation.program is not None
    return compilation.program


def asked(action: str, key: str | dict[str, Any], address: str | None = None, **more: Any) -> dict[str, Any]:
    """A request, which gets its instant when the log is written."""
    client = {} if address is None else {"client": {"ip": address}}
    return {"action": action, "key": key, **client, **more}


def write_log(path: Path, requests: Iterable[Mapping[str, Any]], days: float = 30) -> Path:
    """A log of these requests, at equal distances over some days."""
    listed = list(requests)
    step = int(days * DAY) // max(len(listed) - 1, 1)
    lines = [json.dumps({"now": START + place * step, **each}) for place, each in enumerate(listed)]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


class Silent:
    """Nobody looks on."""

    def begin(self, stage: str, total: int | None = None, *, share: Callable[[], float] | None = None) -> None: ...

    def advance(self, by: int = 1) -> None: ...


FEW = Demands(requests=1, days=1)


def found_in(log: Path, compilation: Compilation, demands: Demands = FEW) -> LeastPrivilege:
    """What the log says."""
    program = program_of(compilation)
    opened = RecordedRequests.open([log], watched(program), compilation.keys.get)
    return least_privilege(program, dict(compilation.keys.items()), opened, demands, Silent())


def by_id(found: LeastPrivilege) -> dict[str, KeyUse]:
    return {each.id: each for each in found.keys}


OFFICE = ("203.0.113.8", "203.0.113.9")


def usual(seed: int = 1, count: int = 400) -> list[dict[str, Any]]:
    """What the desk does: it cancels and reads from two addresses of its office, and reads reports from one elsewhere.

    Now and then somebody tries what they may not.
    """
    random = Random(seed)
    requests = [
        asked("orders.cancel", "desk-7", OFFICE[0]),
        asked("orders.read", "desk-7", OFFICE[1]),
        asked("reports.read", "reader", "10.1.2.3"),
        asked("orders.create", "desk-7", "8.8.8.8"),
        asked("orders.create", "reader", "10.9.9.9"),
        asked("reports.read", "nobody", "10.9.9.9"),
    ]
    return requests + random.choices(requests, weights=[30, 30, 30, 4, 4, 2], k=count - len(requests))
