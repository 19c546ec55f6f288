"""The nearest requests that would be allowed where one was refused: what they change, and in which words to say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from durwan.model.values import Value
from durwan.program.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """All values from `low` to `high`, both included; None where there is no bound but that of the type.

    Ints are ints, decimals are decimals; instants and durations are milliseconds.
    """

    low: Any = None
    high: Any = None

    def as_dict(self) -> dict[str, Any]:
        """The bounds, decimals as texts."""
        return {"low": _plain(self.low), "high": _plain(self.high)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Among:
    """All values of a list: texts, truths, or networks of addresses; or all but those, where `outside` is true."""

    values: tuple[Any, ...]
    outside: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The values under `outside` or `among`."""
        return {"outside" if self.outside else "among": list(self.values)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLeast:
    """All sets that hold at least `count` of `members`, whatever else they hold of what the policy names."""

    count: int
    members: tuple[Any, ...]

    def as_dict(self) -> dict[str, Any]:
        """Both fields."""
        return {"at_least": self.count, "members": list(self.members)}


Region = Between | Among | AtLeast


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeChange:
    """One attribute of the request that would have to be another.

    `value` is one that would do, as it stands in a request; None for leaving it out. `region` holds all that would do
    in its place with the other changes as they are, next to `value` where there are several ranges; None where only
    `value` itself is known to do. `text` says it in words.
    """

    path: str
    value: Any
    text: str
    region: Region | None = None

    def as_dict(self) -> dict[str, Any]:
        """All fields as plain data."""
        region = None if self.region is None else self.region.as_dict()
        return {"path": self.path, "value": self.value, "region": region, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestChange:
    """A change of the request after which it would be allowed. No part of it can be left out.

    `carried` are instants that move along with `now`, where that changes: facts as recent then as they were. Limits
    are taken as if nothing had been counted yet.
    """

    changes: tuple[AttributeChange, ...]
    carried: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def text(self) -> str:
        """The change in words, such as `at a risk score of 69 or less`."""
        said = ", ".join(change.text for change in self.changes)
        return f"{said} (with {_listed(sorted(self.carried))} as recent then as now)" if self.carried else said

    def apply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The request with the change made."""
        changed = dict(request)
        values = {**self.carried, **{change.path: change.value for change in self.changes}}
        for path, value in values.items():
            context, _, name = path.partition(".")
            if path == "now":
                changed["now"] = value
                continue
            said: Any = changed.get(context)
            kept: dict[str, Any] = {**said} if isinstance(said, Mapping) else {}
            kept.pop(name, None)
            changed[context] = kept if value is None else {**kept, name: value}
        return changed

    def as_dict(self) -> dict[str, Any]:
        """All fields as plain data."""
        return {
            "text": self.text,
            "changes": [change.as_dict() for change in self.changes],
            "carried": dict(self.carried),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """What was found out about how a refused request could be allowed.

    `changes` are up to three, nearest first, of which none is a part of another. `never` are the rules that stop it
    whatever the request says, or `no_rule_allows`, with the `conditions` that then fail for the rule that came nearest.
    `unanswered` says why nothing more was found out; empty where all was.
    """

    changes: tuple[NearestChange, ...] = ()
    never: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    unanswered: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What has to be known to look for a change.

    `values` are all attributes of the request as they were read, None for those that are unknown, and `now`. Whatever
    matches one of the patterns `may_change` may change, or what the table says where there are none. `seconds` is when
    no further change is looked for.
    """

    program: Program
    action: str
    values: Mapping[str, Value | None]
    may_change: tuple[str, ...] = ()
    seconds: float = 2.0


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else f"{value:f}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
