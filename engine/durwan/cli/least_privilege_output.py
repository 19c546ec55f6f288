"""What nobody used, as output: for people, for programs, and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from durwan.cli.findings import counted
from durwan.diagnostics.terminal import visible
from durwan.model.values import format_instant

if TYPE_CHECKING:
    from durwan.cli.output import Output
    from durwan.diagnostics.terminal import Style
    from durwan.workshop.least_privilege.findings import KeyUse, LeastPrivilege, RuleUse, State
    from durwan.workshop.least_privilege.tally import Use

# In the order in which they are told.
_STATES: Final[dict[State, str]] = {
    "narrower": "could have less",
    "unused": "not used at all",
    "kept": "has more than it used, and cannot have less",
    "undecided": "undecided",
    "least": "needs all it has",
}
_ROLES: Final[dict[State, str]] = {
    "narrower": "warning", "unused": "warning", "kept": "bold", "undecided": "bold", "least": "good"
}  # fmt: skip
_EFFECTS: Final = {"allow": "allowed", "challenge": "challenged", "deny": "refused"}


# ------------------------------------------------------------------------------------------------------------- JSON


def findings_form(found: LeastPrivilege) -> dict[str, Any]:
    """All of it as JSON."""
    totals = found.totals
    return {
        "log": {
            "requests": totals.requests,
            "first": _instant(totals.first),
            "last": _instant(totals.last),
            "broken": dict(found.broken),
            "beyond_columns": totals.beyond,
            "without_key": totals.strangers,
            "assumed_addresses": totals.assumed,
            "masked": dict(sorted(totals.masks.items())),
            "refused_now": totals.otherwise,
        },
        "keys": [_key_form(each) for each in found.keys],
        "rules": [_rule_form(each) for each in found.rules],
        "unused_limits": list(found.unused_limits),
        "unused_scopes": [{"scope": scope, "keys": keys} for scope, keys in found.unused_scopes.items()],
    }


def _key_form(key: KeyUse) -> dict[str, Any]:
    return {
        "key": key.id,
        "state": key.state,
        "because": key.because or None,
        "requests": {
            word: key.effects[effect].count if effect in key.effects else 0 for effect, word in _EFFECTS.items()
        },
        "first": _instant(key.use.first),
        "last": _instant(key.use.last),
        "scopes": {
            "granted": [{"scope": scope, **_use_form(use)} for scope, use in key.scopes.items()],
            "unused": list(key.unused_scopes),
            "enough": None if key.enough_scopes is None else list(key.enough_scopes),
            "least": key.is_least,
            "kept_for_limits": list(key.counted_scopes),
        },
        "networks": {
            "granted": [{"network": network, **_use_form(use)} for network, use in key.networks.items()],
            "unused": list(key.unused_networks),
            "enough": None if key.enough_networks is None else list(key.enough_networks),
            "addresses": key.addresses,
            "told_apart_by": key.seen_by or None,
            "because": key.networks_because or None,
        },
        "refused_by_another_rule": key.refused_otherwise,
    }


def _use_form(use: Use) -> dict[str, Any]:
    return {"count": use.count, "first": _instant(use.first), "last": _instant(use.last)}


def _rule_form(rule: RuleUse) -> dict[str, Any]:
    fixed = {"rule": rule.name, "effect": rule.effect, "shadow": rule.is_shadow, "never": rule.never or None}
    return {**fixed, "decided": _use_form(rule.decided)}


def _instant(instant: int | None) -> str | None:
    return None if instant is None else format_instant(instant)


# ------------------------------------------------------------------------------------------------------ for people


def draw_findings(found: LeastPrivilege, output: Output) -> str:
    """What could be taken from whom, what nobody used, and a line on all."""
    lines: list[str] = []
    for key in told_first(found.keys):
        if key.state != "least" or output.verbose:
            lines += [*_drawn(key, output.style), ""]
    for title, names in _nobody(found):
        lines += [output.style.paint(title, "bold"), *(f"  {each}" for each in names), ""]
    if not output.quiet:
        lines += notes(found)
    lines.append(_in_all(found))
    return "\n".join(lines) + "\n"


def told_first(keys: Iterable[KeyUse]) -> list[KeyUse]:
    """The keys of which something follows before the others, those alike in their order."""
    places = list(_STATES)
    return sorted(keys, key=lambda each: places.index(each.state))


def _drawn(key: KeyUse, style: Style) -> Iterator[str]:
    yield f"{style.paint(visible(key.id), 'bold')}: {style.paint(_STATES[key.state], _ROLES[key.state])}"
    if key.because:
        yield f"  {visible(key.because)}"
    if key.effects:
        yield f"  {_requests(key)}"
    if key.is_judged:
        yield from _uses("scopes", key.scopes, key.enough_scopes, style)
        if key.counted_scopes:
            yield f"    kept for the limits that read them: {', '.join(key.counted_scopes)}"
        if not key.is_least:
            yield "    whether still fewer scopes would be enough was not looked for: there are too many choices"
        yield from _uses("networks", key.networks, key.enough_networks, style, hidden=key.networks_because)
        yield from (f"  {each}" for each in _remarks(key))


def _uses(
    word: str, uses: Mapping[str, Use], enough: tuple[str, ...] | None, style: Style, hidden: str = ""
) -> Iterator[str]:
    if not uses:
        return
    yield f"  {word}{f' are left as they are: {hidden}' if hidden else ''}"
    if hidden:
        return
    width = max(map(len, uses))
    for name, use in uses.items():
        is_used = use.count or name in (enough or ())
        mark = style.paint("✔", "good") if is_used else style.paint("✘", "bad")
        yield f"    {mark} {name:<{width}}  {_worded(use, is_used=bool(is_used))}"
    if enough is not None and enough != tuple(uses):
        yield f"    enough: {style.paint(', '.join(enough) or 'none', 'bold')}"


def _worded(use: Use, *, is_used: bool) -> str:
    if not use.count:
        # Where each of two would do, neither is needed by itself.
        return "kept: without it, something would be refused" if is_used else "not needed"
    return f"needed {counted(use.count, 'time')}, last {_instant(use.last) or 'at a time that cannot be read'}"


def _requests(key: KeyUse) -> str:
    return ", ".join(f"{key.effects[each].count:,} {word}" for each, word in _EFFECTS.items() if each in key.effects)


def _remarks(key: KeyUse) -> Iterator[str]:
    if key.seen_by:
        yield f"from so many addresses that they were told apart by prefixes of {key.seen_by} alone"
    if key.refused_otherwise:
        yield f"with less, {counted(key.refused_otherwise, 'refused request')} would be refused by another rule"


def _nobody(found: LeastPrivilege) -> Iterator[tuple[str, list[str]]]:
    """What nobody used, in groups that are not empty."""
    groups = {
        "rules that never decided anything": [f"{each.name}: {each.never}" for each in found.silent_rules],
        "limits under which no allowed request fell": list(found.unused_limits),
        "scopes that nobody needed": [
            f"{scope}: held by {counted(keys, 'key')}" for scope, keys in found.unused_scopes.items()
        ],
    }
    yield from ((title, names) for title, names in groups.items() if names)


def notes(found: LeastPrivilege) -> Iterator[str]:
    """What is to be known of the log."""
    totals = found.totals
    if found.broken:
        reasons = "; ".join(f"{count:,} times {reason}" for reason, count in found.broken.items())
        yield f"{counted(sum(found.broken.values()), 'broken record')} left out: {visible(reasons)}"
    if totals.strangers:
        yield f"{counted(totals.strangers, 'request')} of no key of these files"
    if totals.beyond:
        yield f"{counted(totals.beyond, 'request')} that columns cannot hold, decided one by one"
    if totals.masks:
        yield f"masked in the log: {', '.join(sorted(totals.masks))}"
    if totals.assumed:
        yield f"of {counted(totals.assumed, 'request')} the address is not known, and was taken to be one of the key's"
    if totals.otherwise:
        yield f"{counted(totals.otherwise, 'request')} recorded as not refused, and refused by these policies and keys"


def _in_all(found: LeastPrivilege) -> str:
    counts = Counter(each.state for each in found.keys)
    states = ", ".join(f"{counts[state]:,} {words}" for state, words in _STATES.items() if counts[state])
    totals = found.totals
    span = "" if totals.first is None else f" from {_instant(totals.first)} to {_instant(totals.last)}"
    return f"{counted(totals.requests, 'request')}{span}; {counted(len(found.keys), 'key')}: {states}"


# --------------------------------------------------------------------------------------------------------- Markdown


def markdown(found: LeastPrivilege) -> str:
    """For a merge request or a review of rights: a table of the keys, then what nobody used."""
    lines = ["## What was never used", "", _in_all(found) + ".", ""]
    lines += ["| key | | scopes not needed | enough | networks not needed | enough |", "|---|---|---|---|---|---|"]
    lines += [_row(key) for key in told_first(found.keys)]
    for title, names in _nobody(found):
        lines += ["", f"### {title.capitalize()}", "", *(f"* {_cell(each)}" for each in names)]
    lines += ["", *(f"* {_cell(each)}" for each in notes(found))]
    return "\n".join(lines).rstrip() + "\n"


def _row(key: KeyUse) -> str:
    why = f": {key.because}" if key.because else ""
    cells = [f"`{_cell(key.id)}`", _cell(f"{_STATES[key.state]}{why}")]
    cells += [_listed(key.unused_scopes), _listed(key.enough_scopes), _listed(key.unused_networks)]
    cells.append(_cell(key.networks_because) or _listed(key.enough_networks))
    return f"| {' | '.join(cells)} |"


def _listed(names: tuple[str, ...] | None) -> str:
    return "" if names is None else ", ".join(f"`{_cell(each)}`" for each in names)


def _cell(text: str) -> str:
    """A text that stays in its cell and formats nothing."""
    return visible(text).replace("`", "").replace("|", "\\|").replace("<", "&lt;")
