"""The small policy set that the tests of the workshop run against, and how they read test files for it."""

from __future__ import annotations

from collections.abc import Mapping

from durwan.compilation import Compilation, compile_policy
from durwan.diagnostics import Diagnostic
from durwan.language.policy_set import read_mapping
from durwan.workshop.verification import Verification, verify

NOW = 1_772_442_000_000  # 2026-03-02T09:00:00Z

POLICY = """\
actions { orders.create orders.cancel account.read }
scopes { orders.write }
context risk { score : int 0..100  as_of : time }
set treasury = { "alice", "bob" }

deny risky
  on orders.create
  when risk.score >= 90
  respond 403 risk_block

deny stale
  on orders.*
  when now - risk.as_of > 30s
  unless key.labels has "patient"

challenge recent_mfa
  on orders.create
  when risk.score >= 50
  require mfa within 5m

challenge large
  on orders.create
  when request.notional > 100_000
  require approvals 2 of treasury

allow trade
  on orders.*
  when key.scopes has orders.write
   and client.ip in key.networks
  with { fee: 0.5, cap: 10, live: true, desk: "a" }

shadow deny tighter_risk
  on orders.create
  when risk.score >= 75

limit order_rate
  on orders.create
  to 100 per 10s
  per key.id
"""

TRADER = """\
now: 2026-03-02T09:00:00Z
fixtures:
  trader:
    action: orders.create
    key: { id: desk-7, scopes: [orders.write], networks: [203.0.113.0/24], labels: [] }
    client: { ip: 203.0.113.9 }
    risk: { score: 12, as_of: 2026-03-02T08:59:50Z }
    request: { notional: "2500" }
"""


def compiled(files: Mapping[str, str] | None = None, policy: str = POLICY) -> Compilation:
    found = compile_policy(read_mapping({"desk.policy": policy, **(files or {})}))
    assert found.program is not None, found.diagnostics
    return found


def verified(files: Mapping[str, str] | str, policy: str = POLICY) -> Verification:
    """The policy set with these test files; a text alone is `tests/cases.yaml`, below the trader's fixture."""
    tests = {"tests/cases.yaml": TRADER + files} if isinstance(files, str) else files
    return verify(compiled(tests, policy), lambda: NOW, linted=False)


def described(diagnostic: Diagnostic) -> tuple[str, str, str, str | None]:
    """Code, message, what is underlined, and help."""
    return diagnostic.code, diagnostic.message, diagnostic.span.text, diagnostic.help
