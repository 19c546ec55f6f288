"""Regions in words, as a person would say what a request would have to be like."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from durwan.backends.solver.nearest.marks import Constants
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.values import format_instant
from durwan.model.window import Window
from durwan.program.nearest import AtLeast

_UNITS: Final = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000), ("millisecond", 1))
# What people call these; others are called by their path.
_CALLED: Final = {"session.mfa_at": "MFA"}


def listed(words: Sequence[str], joint: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {joint} {words[-1]}"


def quantity(path: str, low: int | Decimal | None, high: int | Decimal | None, *, beyond: tuple[str, str]) -> str:
    """`at a risk score of 69 or less`.

    Args:
        path: the attribute.
        low: the least that would do, None where there is none.
        high: the most, likewise.
        beyond: the next values below `low` and above `high` as texts, where they are the simpler way to say it.
    """
    context, _, name = path.partition(".")
    called = (name if context == "request" else f"{context} {name}").replace("_", " ")
    at = f"at {'an' if called[0] in 'aeiou' else 'a'} {called}"
    below, above = beyond
    least = f"above {below}" if below else f"of {_digits(low)} or more"
    most = f"below {above}" if above else f"of {_digits(high)} or less"
    if low is None and high is None:
        return f"{at} that is known"
    if low is None or high is None:
        return f"{at} {most if low is None else least}"
    if low == high:
        return f"{at} of {_digits(low)}"
    if below or above:
        return f"{at} {least} and {most}"
    return f"{at} of {_digits(low)} to {_digits(high)}"


def _digits(number: int | Decimal | None) -> str:
    return f"{number:f}" if isinstance(number, Decimal) else str(number)


def instant(path: str, low: int, high: int, now: int, constants: Constants) -> str:
    """`with MFA in the last 5 minutes`, `with token.expires later than now`: what a time other than `now` must be."""
    called = f"with {_CALLED.get(path, path)}"
    spans = {0, *constants.durations}
    after, before = _relative(low - now, spans, 1), _relative(high - now, spans, -1)
    if (
        low > TIME_MIN
        and high >= now
        and after is not None
        and after[0] < 0
        and (high == TIME_MAX or before is not None)
    ):
        return f"{called} {'in the last' if after[1] else 'less than'} {span(-after[0])}{'' if after[1] else ' ago'}"
    if low > TIME_MIN and high == TIME_MAX and after is not None:
        if after[0] == 0:
            return f"{called} {'now or later' if after[1] else 'later than now'}"
        return f"{called} {'at least' if after[1] else 'more than'} {span(after[0])} from now"
    if low == TIME_MIN and high < TIME_MAX and before is not None:
        return f"{called} {_until(*before)}"
    return f"{called} {_absolute(low, high)}"


def _relative(distance: int, spans: set[int], inwards: int) -> tuple[int, bool] | None:
    """The span of the policy that a distance from now is, and whether the bound itself is included."""
    for exactly, place in ((True, distance), (False, distance - inwards)):
        if abs(place) in spans:
            return place, exactly
    return None


def _until(distance: int, exactly: bool) -> str:
    if distance == 0:
        return "not later than now" if exactly else "earlier than now"
    if distance > 0:
        return f"{'at most' if exactly else 'less than'} {span(distance)} from now"
    return f"{'at least' if exactly else 'more than'} {span(-distance)} ago"


def _absolute(low: int, high: int) -> str:
    if low == high:
        return f"at {format_instant(low)}"
    if low == TIME_MIN and high == TIME_MAX:
        return "known"
    parts = [f"at or after {format_instant(low)}"] if low > TIME_MIN else []
    if high < TIME_MAX:
        parts.append(f"before {format_instant(high + 1)}")
    return " and ".join(parts)


def later(moment: int, last: int, start: int, windows: Sequence[tuple[str, Window]]) -> str:
    """`on or after 2026-03-02T08:00:00Z`, or `within desk_hours, next at ...`: when it would be allowed."""
    for name, window in windows:
        was, is_, just_before = (window.contains(each) for each in (start, moment, moment - 1))
        if is_ is not None and was is not is_ and just_before is not is_:
            return f"{'within' if is_ else 'outside'} {name}, next at {format_instant(moment)}"
    until = f" and before {format_instant(last + 1)}" if last < TIME_MAX else ""
    return f"on or after {format_instant(moment)}{until}"


def span(milliseconds: int) -> str:
    """`5 minutes`, `1 hour 30 minutes`."""
    parts: list[str] = []
    for unit, size in _UNITS:
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"


def address(path: str, networks: Sequence[str], *, outside: bool) -> str:
    """`from an address in 203.0.113.0/24`, `from an address outside tor_exits`."""
    who = "from an address" if path == "client.ip" else f"with {path}"
    if outside:
        return f"{who} outside {listed(networks)}" if networks else f"{who}{' that is' if who[0] == 'f' else ''} known"
    return f"{who} in {listed(networks, 'or')}"


def held(path: str, region: AtLeast) -> str:
    """`with approval by at least 2 of alice, bob, carol`, or ``with `webauthn` among session.mfa_methods``."""
    if path == "approvals.by":
        names = [str(each) for each in region.members]
        if region.count == len(names):
            return f"with approval by {listed(names)}"
        return f"with approval by at least {region.count} of {', '.join(names)}"
    names = [_quoted(each) for each in region.members]
    if region.count == len(names):
        return f"with {listed(names)} among {path}"
    count = "one" if region.count == 1 else f"at least {region.count}"
    return f"with {count} of {', '.join(names)} among {path}"


def set_changed(path: str, added: Sequence[Any], left_out: Sequence[Any]) -> str:
    """``with `a` among key.symbols``, ``without `b` among key.symbols``."""
    parts = [f"with {listed([_quoted(each) for each in added])} among {path}"] if added else []
    if left_out:
        parts.append(f"without {listed([_quoted(each) for each in left_out])} among {path}")
    return " and ".join(parts) or f"with {path} known"


def texts(path: str, words: Sequence[str], *, outside: bool, named: str = "") -> str:
    """``with market.mode `open` or `post_only```, `with client.country outside restricted_countries`."""
    if not outside:
        return f"with {path} {listed([_quoted(each) for each in words], 'or')}"
    if not words:
        return f"with {path} known"
    return (
        f"with {path} outside {named}"
        if named
        else f"with {path} other than {listed([_quoted(each) for each in words], 'or')}"
    )


def _quoted(value: object) -> str:
    return f"`{value}`"
