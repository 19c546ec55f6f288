"""What a report says, section by section: nothing but texts and numbers, so that every form of it says the same.

Instants are RFC 3339 texts in UTC. Where a table could grow beyond what anybody reads, `left_out` counts what it does
not show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# How much something matters: `bad` has to be looked at, `odd` should be, `plain` is for knowing.
Tone = Literal["bad", "odd", "plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the policies come from: the git revision as it was asked for, and the commit that it named."""

    ref: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something stands: a file of the policy set and a one-based line."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something for a reader's attention, and the anchor at which the report says more about it."""

    tone: Tone
    words: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The counts that come first. `coverage` is a percentage; the mappings count by effect, verdict and severity."""

    actions: int
    rules: Mapping[str, int]
    limits: int
    invariants: Mapping[str, int]
    tests: Mapping[str, int]
    coverage: float
    keys: int
    findings: Mapping[str, int]
    remarks: tuple[Remark, ...]


# ------------------------------------------------------------------------------------------------- keys and actions


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A condition, and the rules that want it. With `remedy` a challenge asks for that unless the condition is true."""

    text: str
    rules: tuple[str, ...]
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditional:
    """Actions that depend on the same conditions, beside those common to all conditional actions of the row.

    `like` is the anchor of an earlier row's actions that depend on the same ones.
    """

    anchor: str
    actions: tuple[str, ...]
    wants: tuple[Want, ...]
    like: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Actions that the same rules refuse, whatever a request says."""

    actions: tuple[str, ...]
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRow:
    """What keys that no rule tells apart can do. `cells` has a verdict for each action of the matrix, in its order."""

    anchor: str
    name: str
    keys: tuple[str, ...]
    left_out: int
    scopes: tuple[str, ...]
    differing: tuple[str, ...]
    cells: tuple[str, ...]
    allowed: tuple[str, ...]
    common: tuple[Want, ...]
    conditional: tuple[Conditional, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The matrix of keys and actions. `assumed` is what every request was taken to say."""

    actions: tuple[str, ...]
    keys: int
    rows: tuple[AccessRow, ...]
    left_out: int
    assumed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Whether a thief of a key alone could do an action; None where that was not found out, and then `because`."""

    action: str
    possible: bool | None
    stopped_by: tuple[str, ...]
    also_stopped_by: tuple[str, ...]
    elsewhere: bool | None
    until: str | None
    because: str
    request: Mapping[str, Any] | None

    @property
    def terms(self) -> str:
        """From where and how long it is possible, in words."""
        where = {True: "from any address", False: "from an address of its allowlist", None: ""}[self.elsewhere]
        return ", ".join(each for each in (where, f"until {self.until}" if self.until else "") if each)

    @property
    def stops(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What stops it, and what else would stop it alone."""
        return self.stopped_by, self.also_stopped_by


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyExposure:
    """What a thief of this key could do. `stands_for` counts the other keys of its row, of which the same is true."""

    anchor: str
    key: str
    stands_for: int
    actions: tuple[Reached, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposures:
    """What thieves of keys could do. `left_out` counts the keys that were not looked at."""

    actions: tuple[str, ...]
    keys: tuple[KeyExposure, ...]
    left_out: int


# ------------------------------------------------------------------------------------------------------ declarations


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantEntry:
    """A promise about all requests, as written, and what became of its proof. `took` is a bound of its duration."""

    name: str
    documentation: str
    text: str
    place: Place
    verdict: str
    took: str
    because: str
    request: Mapping[str, Any] | None
    decision: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEntry:
    """A rule. All of `when` must be true, and none of `unless`; `actions` is empty where it is about every action."""

    name: str
    effect: str
    shadow: bool
    documentation: str
    place: Place
    actions: tuple[str, ...]
    when: tuple[str, ...]
    unless: tuple[str, ...]
    status: int
    code: str
    reason: str
    remedy: str | None
    obligations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitEntry:
    """A limit: `count` for each `period`, of each combination of the attributes in `per`."""

    name: str
    documentation: str
    place: Place
    actions: tuple[str, ...]
    when: tuple[str, ...]
    unless: tuple[str, ...]
    count: str
    period: str
    cost: str
    per: tuple[str, ...]
    status: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """An instant at which a window begins (`inside` is true), ends (false), or is no longer known (None)."""

    at: str
    inside: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEntry:
    """A window as written, whether the report's instant is inside, and what happens next."""

    name: str
    documentation: str
    text: str
    place: Place
    inside: bool | None
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NameEntry:
    """A let, set or network, with its text or its members. `left_out` counts the members that are not shown."""

    name: str
    kind: str
    documentation: str
    text: str
    left_out: int
    place: Place


# ------------------------------------------------------------------------------------------- what asks for attention


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """Something that ends, or changes, at an instant. `days` are those left, whole; below zero those since."""

    kind: str
    what: str
    where: str
    anchor: str
    at: str
    days: int
    state: Literal["over", "soon", "later"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """A warning that somebody wanted quiet, and why."""

    code: str
    title: str
    reason: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceptions:
    """What ends some day, what is kept quiet, and what is only on trial."""

    expiries: tuple[Expiry, ...]
    left_out: int
    suppressions: tuple[Suppressed, ...]
    trials: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRemark:
    """A finding about one key, and the anchor of the row that the key stands in, if that is shown."""

    key: str
    code: str
    words: str
    anchor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HygieneSection:
    """The findings of one severity. `counts` has all of them by code, also those that are left out."""

    severity: str
    findings: tuple[KeyRemark, ...]
    counts: Mapping[str, int]
    left_out: int

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFigure:
    """How much of a policy file the test cases have shown."""

    file: str
    reached: int
    total: int
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEntry:
    """A case that failed, or was not run, and why; `count` of them where a matrix made several of one."""

    name: str
    count: int
    place: Place
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCases:
    """The cases of one test file, counted by verdict."""

    file: str
    passed: int
    failed: int
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """What the set's own tests have shown."""

    files: tuple[FileCases, ...]
    failed: tuple[CaseEntry, ...]
    skipped: tuple[CaseEntry, ...]
    left_out: int
    kinds: tuple[FileFigure, ...]
    coverage: tuple[FileFigure, ...]
    all: FileFigure


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """What the compiler and linter warn of, and the anchor of the declaration in which that stands, if it is shown."""

    code: str
    severity: str
    message: str
    place: Place
    anchor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole report. `exposures` are None where nobody looked for them."""

    name: str
    revision: str
    origin: Origin
    tool: str
    made: str
    summary: Summary
    access: Access
    exposures: Exposures | None
    invariants: tuple[InvariantEntry, ...]
    rules: tuple[RuleEntry, ...]
    limits: tuple[LimitEntry, ...]
    windows: tuple[WindowEntry, ...]
    names: tuple[NameEntry, ...]
    exceptions: Exceptions
    hygiene: tuple[HygieneSection, ...]
    tests: Tests
    warnings: tuple[Warned, ...]
