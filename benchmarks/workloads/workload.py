"""What a workload and a contender are; every other file here makes one or the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

Request: TypeAlias = dict[str, Any]
Decide: TypeAlias = Callable[[Request], bool]
Decider: TypeAlias = Callable[[Any], Any]
"""What decides one request; a peer without types says only that what it gives is true or false."""
Content = TypeVar("Content")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(Generic[Content]):
    """One policy of one size and the requests that it decides."""

    name: str
    size: int
    """Rules (W1, W2) or list entries (W3)."""
    content: Content
    """What the policy is about, as plain data: each peer writes its own policy from it."""
    sources: Mapping[str, str]
    """The policy set in durwan's language, path to text."""
    requests: Sequence[Request]
    expected: Sequence[bool]
    """The plain reference's answers, one for each request."""
    reference: Decide
    hand_written: Decide
    """The yardstick: the fastest function that we could write by hand; it trusts its input."""
    unseen: Callable[[], Iterator[list[Request]]] | None = None
    """Starts an endless series of request lists of which each is new: in W1 to W3 no client address ever occurs twice,
    in W4 a tenth of the requests is new, in W5 all are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender(Generic[Content]):
    """One way to have a workload decided by one engine."""

    name: str
    build: Callable[[Workload[Content]], Decider]
    """Loads the policy and gives the function that decides one request; all that this function does is timed."""
    returns_decision: bool = False
    """The function returns an object whose `allowed` is the answer, and reading it is timed as well."""
    given: Callable[[Request], Any] | None = None
    """Turns the workload's request into what this contender is given, outside the timing; None: given as it is."""
    unseen: bool = False
    """Timed on the workload's unseen requests, each list of them once."""
    decoded: bool = False
    """Given each request decoded from JSON text right before, outside the timing, as a gateway has it: no hash of any
    text is known yet. The hand-written function beside it is given the same."""
    instead: Callable[[], Workload[Any]] | None = None
    """Makes another workload that it decides, and is compared with the hand-written function of: for goals that compare
    one work with another."""
    largest: int | None = None
    """The largest size at which it is run; beyond it building or deciding takes longer than anybody would wait."""


Contenders: TypeAlias = Mapping[str, tuple[Contender[Any], ...]]
"""A peer module's CONTENDERS: workload name to the forms in which the peer decides it."""
