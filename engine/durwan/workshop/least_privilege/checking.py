"""The later readings of a log: whether what is proposed for keys changes any answer, and where it does, what would not.

Nearly always the scopes without which something is refused are enough together. Where a rule takes one scope or
another, they are not: then every set in between is tried on the requests that would be answered otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from durwan.backends.columns.polars_interface import pl
from durwan.model.address import NetworkSet
from durwan.workshop.least_privilege.holders import numbers
from durwan.workshop.least_privilege.overlay import ANSWER, NETWORKS, REFUSED, SCOPES, Overlay, Setting
from durwan.workshop.least_privilege.scopes import MOST_CHOICES, Scopes, choices
from durwan.workshop.least_privilege.tally import HOLDER, Tally
from durwan.workshop.replaying.logs import RecordedBatch

# A set that was chosen because it changes none of the answers that another one changed may change others.
_MOST_READINGS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a key could have instead.

    Attributes:
        scopes: all that it would hold; None where that stays unknown.
        networks: from where it could be used; None where that stays unknown.
        is_least: whether no smaller set of scopes is enough.
    """

    scopes: Scopes | None
    networks: NetworkSet | None
    is_least: bool = True


class Check:
    """One reading in which proposals are held against every request of their keys.

    Args:
        setting: by what requests are decided.
        today: the numbers of the scopes and networks of all keys.
        proposals: by the numbers of the keys.

    Attributes:
        otherwise: refused requests, by key, that would be refused by another rule.
    """

    def __init__(self, setting: Setting, today: pl.DataFrame, proposals: Mapping[int, Proposal]) -> None:
        self._setting = setting
        self._today = today
        self._proposals = proposals
        self._choices: dict[int, list[Scopes]] = {}
        self._is_all: dict[int, bool] = {}
        self.otherwise = Tally(HOLDER)
        grants, holders = setting.grants, range(len(setting.holders))
        found = [proposals.get(each) for each in holders]
        self._proposed = pl.DataFrame([
            numbers(None if each is None else grants.scopes(each.scopes) for each in found).alias(SCOPES),
            numbers(None if each is None else grants.networks(each.networks) for each in found).alias(NETWORKS),
            pl.Series("checked", [each is not None for each in found], dtype=pl.Boolean),
        ])  # fmt: skip

    def read(self, recorded: RecordedBatch) -> None:
        """Some more requests."""
        overlay = Overlay(recorded, self._setting, self._today)
        checked = self._proposed.get_column("checked").gather(overlay.today.get_column(HOLDER)).fill_null(value=False)
        rows = overlay.today.filter(checked)
        if rows.is_empty():
            return
        before = overlay.codes(rows)
        asked = self._with(rows, *(self._proposed.get_column(name) for name in (SCOPES, NETWORKS)))
        after = overlay.codes(asked)
        answers = self._setting.answers
        asked = asked.with_columns(answers.gather(before).alias(ANSWER))
        same = answers.gather(after) == asked.get_column(ANSWER)
        self.otherwise.add(rows.filter(same & (before != after) & (asked.get_column(ANSWER) == REFUSED)))
        if not same.all():
            self._choose(overlay, asked.filter(~same))

    @staticmethod
    def _with(rows: pl.DataFrame, scopes: pl.Series, networks: pl.Series) -> pl.DataFrame:
        holder = rows.get_column(HOLDER)
        return rows.with_columns(scopes.gather(holder).alias(SCOPES), networks.gather(holder).alias(NETWORKS))

    def _choose(self, overlay: Overlay, changed: pl.DataFrame) -> None:
        """Leaves to the keys of these requests the sets of scopes with which they are answered as before."""
        keys = changed.get_column(HOLDER).unique().to_list()
        for holder in keys:
            if holder not in self._choices:
                self._choices[holder] = list(self._between(holder))
        tried = {holder: list(self._choices[holder]) for holder in keys}
        for number in range(max(map(len, tried.values()), default=0)):
            sets = {holder: each[number] for holder, each in tried.items() if number < len(each)}
            codes = pl.DataFrame({HOLDER: list(sets), SCOPES: list(map(self._setting.grants.scopes, sets.values()))})
            asked = changed.drop(SCOPES).join(codes.cast(pl.UInt32), on=HOLDER, maintain_order="left")
            failed = asked.filter(overlay.answers(asked) != asked.get_column(ANSWER)).get_column(HOLDER).unique()
            for holder in failed:
                self._choices[holder].remove(sets[holder])

    def _between(self, holder: int) -> Iterator[Scopes]:
        taken, proposal = self._setting.holders.all[holder].removals, self._proposals[holder]
        if taken is None or proposal.scopes is None:
            return
        found = list(islice(choices(self._setting.holders.schema, proposal.scopes, taken.held), MOST_CHOICES + 1))
        self._is_all[holder] = len(found) <= MOST_CHOICES
        yield from found[:MOST_CHOICES]
        if not self._is_all[holder] and taken.held not in found:
            yield taken.held

    def chosen(self) -> dict[int, Proposal | None]:
        """For each key of which an answer changed, what may change none; None where nothing is left to try.

        Where no set of scopes makes up for the networks that would be taken, these are left as they are.
        """
        return {holder: self._chosen(holder, sets) for holder, sets in self._choices.items()}

    def _chosen(self, holder: int, sets: list[Scopes]) -> Proposal | None:
        key, proposal = self._setting.holders.all[holder], self._proposals[holder]
        if sets:
            by_default = not self._is_all[holder] and sets[0] == key.held
            return replace(proposal, scopes=sets[0], is_least=not by_default)
        return None if proposal.networks == key.granted else replace(proposal, networks=key.granted)


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of proposals.

    Attributes:
        proposals: those that change no answer, by the numbers of the keys.
        kept: the keys for which there is none.
        otherwise: how many refused requests of each key would be refused by another rule.
    """

    proposals: Mapping[int, Proposal]
    kept: frozenset[int]
    otherwise: Mapping[int, int]


def check(
    setting: Setting,
    today: pl.DataFrame,
    proposals: Mapping[int, Proposal],
    read: Callable[[Callable[[RecordedBatch], None]], None],
) -> Checked:
    """Holds proposals against every request, and others in their place where they change an answer.

    Args:
        setting: by what requests are decided.
        today: the numbers of the scopes and networks of all keys.
        proposals: by the numbers of the keys.
        read: calls something with all recorded requests, from the first to the last.
    """
    good = dict(proposals)
    otherwise: dict[int, int] = {}
    waiting: Mapping[int, Proposal] = proposals
    for _ in range(_MOST_READINGS):
        if not waiting:
            break
        reading = Check(setting, today, waiting)
        read(reading.read)
        chosen = reading.chosen()
        counts = {holder: use.count for (holder,), use in reading.otherwise.items()}
        otherwise |= {holder: counts.get(holder, 0) for holder in waiting}
        good = {holder: each for holder, each in good.items() if holder not in chosen}
        waiting = {holder: each for holder, each in chosen.items() if each is not None}
        good |= waiting
    # What was chosen last was never held against all requests.
    good = {holder: each for holder, each in good.items() if holder not in waiting}
    return Checked(good, frozenset(proposals.keys() - good.keys()), otherwise)


__all__ = ["Checked", "Proposal", "check"]
