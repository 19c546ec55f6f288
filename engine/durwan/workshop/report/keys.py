"""Keys in the report: their hygiene by severity, and what thieves of them could do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from durwan.credentials.key_hygiene import KeyFinding
from durwan.workshop.key_classes import KeyClass
from durwan.workshop.report.content import Exposures, HygieneSection, KeyExposure, KeyRemark, Reached
from durwan.workshop.report.matrix import Matrix

SEVERITIES: Final = ("high", "medium", "low")
# Of each severity.
_MOST_FINDINGS: Final = 300
# The solver is asked about each action of each of them.
_MOST_EXPOSED: Final = 60


def hygiene_of(findings: Iterable[KeyFinding], matrix: Matrix) -> tuple[HygieneSection, ...]:
    """The findings by severity, the gravest first; severities without any are left out."""
    listed = list(findings)
    sections = (_severity(name, [each for each in listed if each.severity == name], matrix) for name in SEVERITIES)
    return tuple(each for each in sections if each.counts)


def _severity(severity: str, findings: Sequence[KeyFinding], matrix: Matrix) -> HygieneSection:
    ordered = sorted(findings, key=lambda each: each.code)
    return HygieneSection(
        severity=severity,
        findings=tuple(
            KeyRemark(key=each.key, code=each.code, words=each.words, anchor=matrix.anchor_of(each.key))
            for each in ordered[:_MOST_FINDINGS]
        ),
        counts=dict(sorted(Counter(each.code for each in findings).items())),
        left_out=max(len(findings) - _MOST_FINDINGS, 0),
    )


def exposed_keys(classes: Iterable[KeyClass]) -> list[str]:
    """The keys that the solver should be asked about: of keys that no rule tells apart, one alone.

    Where keys of a class differ in something that belongs to each by itself, such as its owner, each is asked about.
    """
    asked = [key for each in classes for key in (each.ids if each.kept else each.ids[:1])]
    return asked[:_MOST_EXPOSED]


def exposures_of(forms: Sequence[Mapping[str, Any]], matrix: Matrix, actions: Sequence[str]) -> Exposures:
    """The section of the report.

    Args:
        forms: what is possible with each of the `exposed_keys`, in the form of `policy-check exposure KEY -f json`:
            `key`, and by action `possible`, `stopped_by`, `request` and what else is known.
        matrix: the classes of all keys.
        actions: all actions, in order.
    """
    others = {each.ids[0]: len(each.ids) - 1 for each in matrix.classes if not each.kept}
    entries = tuple(_exposure(form, matrix, others.get(form["key"], 0)) for form in forms)
    spoken_of = sum(1 + each.stands_for for each in entries)
    every = sum(len(each.ids) for each in matrix.classes)
    return Exposures(actions=tuple(actions), keys=entries, left_out=every - spoken_of)


def _exposure(form: Mapping[str, Any], matrix: Matrix, stands_for: int) -> KeyExposure:
    return KeyExposure(
        anchor=matrix.anchor_of(form["key"]) or "keys",
        key=form["key"],
        stands_for=stands_for,
        actions=tuple(_reached(action, found) for action, found in sorted(form["actions"].items())),
    )


def _reached(action: str, found: Mapping[str, Any]) -> Reached:
    return Reached(
        action=action,
        possible=found["possible"],
        stopped_by=tuple(found["stopped_by"]),
        also_stopped_by=tuple(found.get("also_stopped_by", ())),
        elsewhere=found.get("elsewhere"),
        until=found.get("until"),
        because=found.get("because") or "",
        request=found["request"],
    )
