"""A replay with all that is told beside it: of what, by whom, within which budgets, and what it does not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from durwan.program.program import Program
from durwan.workshop.replaying.answers import Answer, Kind
from durwan.workshop.replaying.budgets import Spent
from durwan.workshop.replaying.cells import Amount
from durwan.workshop.replaying.flips import FILTERED, REFUSED, UNRECORDED
from durwan.workshop.replaying.summary import Replay, Share

RECORDED: Final = "as recorded"
HEADS: Final[Mapping[Kind, str]] = {
    "newly-allowed": "newly allowed",
    "newly-denied": "newly denied",
    "newly-challenged": "newly challenged",
    "answered-otherwise": "answered otherwise",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenCount:
    """The broken records: how many, by reason, and the file in which they are."""

    count: int
    reasons: Mapping[str, int]
    aside: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SideName:
    """One side: how it was asked for, and the revision of its program; None of what was recorded."""

    name: str
    revision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """A replay, and what is told beside it.

    Attributes:
        replay: what became of it.
        before: who decided before.
        after: who decides after.
        logs: the names of the logs.
        amounts: the paths of the amounts, the leading one first.
        filters: which requests were compared, in words; empty for all.
        broken: the broken records.
        budgets: what became of the budgets.
        remarks: what the replay does not know, or does not count, a sentence each.
    """

    replay: Replay
    before: SideName
    after: SideName
    logs: tuple[str, ...]
    amounts: tuple[str, ...]
    filters: tuple[str, ...]
    broken: BrokenCount
    budgets: tuple[Spent, ...]
    remarks: tuple[str, ...]

    @property
    def period(self) -> tuple[int, int] | None:
        """From when until when there are requests, by whole moments, in milliseconds."""
        known = [moment for moment in self.replay.totals if moment is not None]
        return (min(known), max(known) + self.replay.span) if known else None

    @property
    def counts(self) -> Iterator[str]:
        """What is always said of the records: how many were broken, masked, and beyond columns, and left out."""
        aside = f", kept in {self.broken.aside}" if self.broken.count and self.broken.aside else ""
        yield f"{number(self.broken.count, 'broken record')}{aside}"
        masked = ", ".join(f"{path} {count:,}" for path, count in self.replay.masked.items() if count)
        total = sum(self.replay.masked.values())
        yield f"{number(total, 'masked value')}, unknown to both sides{f': {masked}' if masked else ''}"
        yield f"{number(self.replay.beyond, 'request')} beyond columns, decided one by one"
        left_out = self.replay.left_out
        reasons = {
            FILTERED: "left out by the filters",
            REFUSED: "refused before any policy was asked, not compared",
            UNRECORDED: "without a recorded decision, not compared",
        }
        for reason, words in reasons.items():
            if left_out.get(reason):
                yield f"{number(left_out[reason], 'request')} {words}"


def remarks_on(replay: Replay, before: Program | None, after: Program | None) -> Iterator[str]:
    """What a replay does not know, or does not count."""
    limits = [{limit.name: limit for limit in program.limits} for program in (before, after) if program is not None]
    if any(limits):
        yield (
            "Limits are asked as for a single request: what they cannot count is refused (limit_unknown), and what"
            " costs more than they ever hold. How they fill up over time is beyond columns and not counted."
        )
    if len(limits) == 2:
        changed = sorted(name for name in {**limits[0], **limits[1]} if limits[0].get(name) != limits[1].get(name))
        if changed:
            names = ", ".join(f"`{name}`" for name in changed)
            yield f"These limits differ, and may refuse more or less than is told here: {names}."
    if replay.counted_out:
        yield (
            f"{number(replay.counted_out, 'request')} had been refused by a limit that was used up: where the rules"
            " allow them, that is no difference here."
        )
    if replay.elsewhere:
        yield f"{number(replay.elsewhere, 'request')} answered as before, by another rule: no difference to a client."
    if replay.flips and not any(group.examples for group in replay.groups):
        yield "There are no requests to show: the log was prepared without whole requests."
    if replay.folded:
        yield "There are more accounts and keys than are kept apart: what is said of single ones is at least so much."
    if replay.totals.get(None):
        yield f"{number(replay.totals[None], 'request')} with an instant that cannot be read."


# ---------------------------------------------------------------------------------------------------------------- words


def number(count: int, what: str) -> str:
    """`1 request`, `12,000 requests`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def percent(count: int, whole: int) -> str:
    """A share of requests, with enough digits to tell a few of very many from none."""
    if not whole or not count:
        return "0 %"
    share = Decimal(count * 100) / Decimal(whole)
    return (
        f"{share:.2f} %"
        if share >= Decimal("0.1")
        else f"{share:.2g} %"
        if share >= Decimal("0.0001")
        else "< 0.0001 %"
    )


def moment(instant: int | None) -> str:
    """An instant for readers: `2026-03-02 09:00:12 UTC`."""
    if instant is None:
        return "unknown"
    return f"{datetime.fromtimestamp(instant // 1000, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"


def answer_words(answer: Answer) -> str:
    """Who decided, and with which answer; names stand between back-ticks."""
    by = f" by `{_unquoted(answer.rule)}`" if answer.rule is not None else ""
    terms = f" {_unquoted(answer.terms)}" if answer.terms else ""
    if answer.effect == "allow":
        return f"allowed{by}{terms}"
    told = " ".join(_unquoted(str(each)) for each in (answer.status, answer.code) if each is not None)
    word = "challenged" if answer.effect == "challenge" else "denied"
    return f"{word}{by}{terms}{f' ({told})' if told else ''}"


def _unquoted(text: str) -> str:
    """A text that may stand between back-ticks: what was recorded can be anything."""
    return text.replace("`", "'")


def amount_words(amounts: Mapping[str, Amount]) -> Iterator[tuple[str, str]]:
    """What was at stake: the name of each amount that is known, the sum and the largest."""
    for path, amount in amounts.items():
        if amount.known and amount.largest is not None:
            yield path, f"{decimal(amount.total)} in all, at most {decimal(amount.largest)}"


def decimal(value: Decimal) -> str:
    """An exact number with its thousands apart."""
    return f"{value:,f}"


def kinds_words(share: Share) -> str:
    """How many of each kind."""
    return ", ".join(f"{count:,} {HEADS[kind]}" for kind, count in share.kinds.items())


__all__ = [
    "HEADS", "RECORDED", "BrokenCount", "ReplayReport", "SideName", "amount_words", "answer_words", "decimal",
    "kinds_words", "moment", "number", "percent", "remarks_on",
]  # fmt: skip
