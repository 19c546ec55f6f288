"""How much may change: `newly-allowed > 0`, `flips > 0.1%`, `newly-denied notional > 1000000`.

    budget := COUNT [AMOUNT] (">" | ">=") NUMBER ["%"]

COUNT is one of `COUNTS`. AMOUNT is an attribute that is added up, by its path or its name; without one, requests are
counted. A share is one of all requests that were compared, or, of broken records, of all records.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Final, NamedTuple

from durwan.errors import DurwanError
from durwan.model.values import EXACT
from durwan.workshop.replaying.answers import KINDS, Kind
from durwan.workshop.replaying.summary import Replay


class BudgetError(DurwanError):
    """A text that is no budget; it says what one is."""


_FORM: Final = re.compile(
    r"\s*(?P<count>[A-Za-z-]+)(?:\s+(?P<amount>[A-Za-z_][\w.]*))?\s*(?P<sign>[<>=!]+)\s*(?P<limit>[^\s%]+)\s*(?P<share>%?)\s*",
    re.ASCII,
)
_NUMBER: Final = re.compile(r"[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?", re.ASCII)
_NO_LONGER: Final = "no-longer-allowed"
_FLIPS: Final = "flips"
_BROKEN: Final = "broken"
COUNTS: Final = (_FLIPS, *KINDS, _NO_LONGER, _BROKEN)
_HELP: Final = "write as 'newly-allowed > 0', 'flips > 0.1%' or 'newly-denied notional > 1_000_000'"


class Spent(NamedTuple):
    """A budget, what it was spent to, and whether that is too much."""

    text: str
    found: str
    exceeded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may change.

    Attributes:
        text: as it was written.
        count: what is counted: one of `COUNTS`.
        amount: the path of what is added up instead of requests.
        inclusive: whether the limit itself is too much.
        limit: how much is too much; in hundredths where it is a share.
        is_share: whether it is one.
    """

    text: str
    count: str
    amount: str | None
    inclusive: bool
    limit: Decimal
    is_share: bool

    def spent(self, replay: Replay, broken: int) -> Spent:
        """How much of it was spent."""
        found = self._found(replay, broken)
        whole = replay.requests + (broken + sum(replay.left_out.values()) if self.count == _BROKEN else 0)
        # A share is compared without a division: exactly, and of nothing too.
        left, right = (found * 100, self.limit * whole) if self.is_share else (found, self.limit)
        exceeded = left > right or (self.inclusive and left == right)
        shown = f"{found * 100 / whole:.4g}%" if self.is_share and whole else f"{found:,f}"
        return Spent(self.text, shown, exceeded)

    def _found(self, replay: Replay, broken: int) -> Decimal:
        if self.count == _BROKEN:
            return Decimal(broken)
        if self.count == _NO_LONGER:
            return self._no_longer(replay)
        kinds: Sequence[Kind] = [kind for kind in KINDS if self.count in (_FLIPS, kind)]
        if self.amount is None:
            return Decimal(sum(replay.kinds[kind] for kind in kinds))
        return self._sum(
            kind_amounts[self.amount].total for kind, kind_amounts in replay.amounts.items() if kind in kinds
        )

    def _no_longer(self, replay: Replay) -> Decimal:
        groups = [each for each in replay.groups if each.before.effect == "allow" and each.after.effect != "allow"]
        if self.amount is None:
            return Decimal(sum(each.all.count for each in groups))
        return self._sum(each.all.amounts[self.amount].total for each in groups)

    @staticmethod
    def _sum(totals: Iterable[Decimal]) -> Decimal:
        found = Decimal(0)
        for each in totals:
            found = EXACT.add(found, each)
        return found


def read_budget(text: str, amounts: Sequence[str]) -> Budget:
    """The budget that a text writes.

    Args:
        text: what somebody wrote.
        amounts: the paths of the attributes that are added up.

    Raises:
        BudgetError: it writes none.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise BudgetError(f"{text!r} is no budget: {_HELP}")
    count = form["count"].lower()
    if count not in COUNTS:
        near = get_close_matches(count, COUNTS, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise BudgetError(f"{text!r}: nothing counts {form['count']}; {meant}It can be {', '.join(COUNTS)}")
    if form["sign"] not in {">", ">="}:
        raise BudgetError(f"{text!r}: a budget says what is too much, by > or >=; {_HELP}")
    if not _NUMBER.fullmatch(form["limit"]):
        raise BudgetError(f"{text!r}: {form['limit']} is no number; write 1000000, 1_000_000, 0.5 or 0.1%")
    is_share = form["share"] == "%"
    amount = None if form["amount"] is None else _amount(text, form["amount"], amounts)
    if amount is not None and (is_share or count == _BROKEN):
        which = "a share is one of requests" if is_share else "broken records say no amounts"
        raise BudgetError(f"{text!r}: {which}; leave out {form['amount']}, or give an amount of newly-allowed, say")
    return Budget(
        text=text.strip(), count=count, amount=amount, inclusive=form["sign"] == ">=",
        limit=Decimal(form["limit"].replace("_", "")), is_share=is_share,
    )  # fmt: skip


def _amount(text: str, name: str, amounts: Sequence[str]) -> str:
    """The path of an amount by its path or its name."""
    found = [path for path in amounts if name in (path, path.rpartition(".")[2])]
    if len(found) == 1:
        return found[0]
    known = ", ".join(found or amounts) or "none"
    if found:
        raise BudgetError(f"{text!r}: {name} is said of {known}; write the whole path")
    raise BudgetError(f"{text!r}: {name} is not added up; these are: {known}. --amount names others")


__all__ = ["COUNTS", "Budget", "BudgetError", "Spent", "read_budget"]
