"""What became of a replay, as plain data: flips in groups, newly allowed ones first, and whose they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from durwan.backends.columns.polars_interface import pl
from durwan.workshop.replaying.answers import KINDS, Answer, Kind, kind_of
from durwan.workshop.replaying.cells import Amount, added, amounts_of
from durwan.workshop.replaying.checking import CheckedExample, checked
from durwan.workshop.replaying.examples import LARGEST, Example, Place
from durwan.workshop.replaying.flips import Flips
from durwan.workshop.replaying.question import Question

_EFFECTS: Final = ("allow", "challenge", "deny")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Some of the flips: those of an action, an account, a key.

    Attributes:
        name: whose; None where that is not known.
        count: how many requests.
        first: the instant of the first one, in milliseconds; None where none can be read.
        last: that of the last one.
        amounts: what was at stake.
        kinds: how many of each kind.
    """

    name: str | None = None
    count: int
    first: int | None
    last: int | None
    amounts: Mapping[str, Amount]
    kinds: Mapping[Kind, int] = field(default_factory=dict[Kind, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The heaviest of some actions, accounts or keys, and how many there are in all."""

    heaviest: tuple[Share, ...]
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The flips from one answer to another."""

    kind: Kind
    before: Answer
    after: Answer
    all: Share
    actions: Ranking
    accounts: Ranking
    keys: Ranking
    examples: tuple[CheckedExample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What became of a replay.

    Attributes:
        requests: how many were compared.
        kinds: how many flips of each kind.
        amounts: what was at stake, for each kind.
        effects: how many requests had one effect before and another, or the same, after.
        elsewhere: how many are answered as before, by another rule.
        counted_out: how many a limit had refused, as recorded, that the rules allow: not compared.
        groups: newly allowed first, then the largest.
        series: the flips over time: when, which kind, how many; and `span`, how long each moment is.
        totals: for each of these moments how many requests there were.
        folded: whether there were more accounts and keys than are kept apart.
        left_out: requests that were not compared, by the reason.
        beyond: requests that columns could not hold.
        masked: masked values by attribute.
    """

    requests: int
    kinds: Mapping[Kind, int]
    amounts: Mapping[Kind, Mapping[str, Amount]]
    effects: Mapping[tuple[str, str], int]
    elsewhere: int
    counted_out: int
    groups: tuple[Group, ...]
    actions: Ranking
    accounts: Ranking
    keys: Ranking
    span: int
    series: tuple[tuple[int | None, Kind, int], ...]
    totals: Mapping[int | None, int]
    folded: bool
    left_out: Mapping[str, int]
    beyond: int
    masked: Mapping[str, int]

    @property
    def by_kind(self) -> Iterator[tuple[Kind, list[Group]]]:
        """The groups of each kind of which there are some."""
        for kind in KINDS:
            alike = [each for each in self.groups if each.kind == kind]
            if alike:
                yield kind, alike

    @property
    def flips(self) -> int:
        """How many requests are decided otherwise."""
        return sum(self.kinds.values())


def summarize(flips: Flips, question: Question, *, most: int = 10, examples: int = 3) -> Replay:
    """Makes of what was counted what is told.

    Args:
        flips: what was counted.
        question: what was asked.
        most: how many accounts and keys are named.
        examples: how many requests are shown for each group.

    Raises:
        DisagreementError: the reference evaluator does not confirm an example.
    """
    listed = flips.answers.listed
    span, moments = flips.moments
    pairs = moments.group_by("before", "after").agg(pl.col("count").sum()).sort("before", "after")
    counts: dict[tuple[int, int], int] = {(before, after): count for before, after, count in pairs.iter_rows()}
    kinds: dict[tuple[int, int], Kind | None] = {
        (before, after): kind_of(listed[before], listed[after], question.renames) for before, after in counts
    }
    telling = _Telling(flips, kinds, most)
    kept = sorted(flips.examples.items(), key=lambda pair: (pair[0].role != LARGEST, pair[1]))
    groups = [
        telling.group(said, chosen, [(place, each) for place, each in kept if place[:2] in chosen], question, examples)
        for said, chosen in _grouped(listed, kinds).items()
    ]
    return Replay(
        requests=sum(counts.values()),
        kinds=_kinds(kinds, counts),
        amounts=telling.amounts_by_kind(),
        effects=_effects(listed, counts),
        elsewhere=sum(counts[pair] for pair, kind in kinds.items() if kind is None and _moved(listed, pair, question)),
        counted_out=sum(
            count for (before, after), count in counts.items()
            if listed[before].counted_out or listed[after].counted_out
        ),
        groups=tuple(sorted(groups, key=_rank)),
        actions=telling.ranking("action"),
        accounts=telling.ranking("account"),
        keys=telling.ranking("key"),
        span=span,
        series=tuple(_series(moments, kinds)),
        totals=dict(moments.group_by("moment").agg(pl.col("count").sum()).sort("moment").iter_rows()),
        folded=bool(flips.cells.get_column("folded").any()),
        left_out=dict(sorted(flips.left_out.items())),
        beyond=flips.beyond,
        masked=dict(sorted(flips.masked.items())),
    )  # fmt: skip


_Kinds = Mapping[tuple[int, int], Kind | None]


class _Telling:
    """Adds up cells for whoever asks."""

    def __init__(self, flips: Flips, kinds: _Kinds, most: int) -> None:
        self._amounts = flips.amounts
        self._answers = flips.answers.listed
        self._most = most
        names = [kinds[before, after] for before, after in flips.cells.select("before", "after").iter_rows()]
        self._cells = flips.cells.with_columns(pl.Series("kind", names, dtype=pl.String))

    def amounts_by_kind(self) -> dict[Kind, Mapping[str, Amount]]:
        rows = {row["kind"]: row for row in added(self._cells, self._amounts, ("kind",)).iter_rows(named=True)}
        return {kind: amounts_of(rows[kind], self._amounts) for kind in KINDS if kind in rows}

    def group(
        self,
        said: tuple[Kind, Answer, Answer],
        pairs: Collection[tuple[int, int]],
        examples: Sequence[tuple[Place, Example]],
        question: Question,
        most_examples: int,
    ) -> Group:
        chosen_pairs = pl.DataFrame(list(pairs), schema={"before": pl.UInt32, "after": pl.UInt32}, orient="row")
        cells = self._cells.join(chosen_pairs, on=["before", "after"], how="semi")
        (row,) = added(cells, self._amounts, ("kind",)).iter_rows(named=True)
        kind, before, after = said
        actions = self.ranking("action", cells)
        chosen = _varied(examples, [each.name for each in actions.heaviest], most_examples)
        return Group(
            kind=kind,
            before=before,
            after=after,
            all=self._share(row, None),
            actions=actions,
            accounts=self.ranking("account", cells),
            keys=self.ranking("key", cells),
            examples=tuple(
                checked(each, self._answers[place.before], self._answers[place.after], question)
                for place, each in chosen
            ),
        )

    def ranking(self, name: str, cells: pl.DataFrame | None = None) -> Ranking:
        """The heaviest of one column; what was folded is nobody's."""
        apart = (self._cells if cells is None else cells).filter(~pl.col("folded") | (name == "action"))
        found = added(apart, self._amounts, (name,)).sort("count", name, descending=[True, False], nulls_last=True)
        best = found.head(self._most)
        wanted = apart.filter(pl.col(name).is_in(best.get_column(name).implode(), nulls_equal=True))
        kinds: dict[str | None, dict[Kind, int]] = {}
        for whose, kind, count in wanted.group_by(name, "kind").agg(pl.col("count").sum()).iter_rows():
            kinds.setdefault(whose, {})[kind] = count
        shares = (self._share(row, row[name], kinds[row[name]]) for row in best.iter_rows(named=True))
        return Ranking(heaviest=tuple(shares), number=found.height)

    def _share(self, row: dict[str, Any], name: str | None, kinds: Mapping[Kind, int] | None = None) -> Share:
        ordered: dict[Kind, int] = {kind: kinds[kind] for kind in KINDS if kind in kinds} if kinds else {}
        return Share(
            name=name, count=row["count"], first=row["first"], last=row["last"],
            amounts=amounts_of(row, self._amounts), kinds=ordered,
        )  # fmt: skip


def _grouped(answers: Sequence[Answer], kinds: _Kinds) -> dict[tuple[Kind, Answer, Answer], set[tuple[int, int]]]:
    """The pairs of answers that are told together: those that differ in nothing but what is asked for or granted.

    Where it is this alone that tells before and after apart, they are told by themselves.
    """
    found: dict[tuple[Kind, Answer, Answer], set[tuple[int, int]]] = {}
    for pair, kind in kinds.items():
        if kind is None:
            continue
        before, after = (answers[each] for each in pair)
        by_terms = kind == "answered-otherwise" and (before.status, before.code) == (after.status, after.code)
        said = (before, after) if by_terms else (before._replace(terms=None), after._replace(terms=None))
        found.setdefault((kind, *said), set()).add(pair)
    return found


def _varied(
    examples: Sequence[tuple[Place, Example]], actions: Sequence[str | None], most: int
) -> list[tuple[Place, Example]]:
    """Some examples, of as many actions as there are, those with most at stake first."""
    order = {action: place for place, action in enumerate(actions)}
    turns: Counter[str | None] = Counter()
    ranked: list[tuple[int, int, tuple[Place, Example]]] = []
    for place, example in examples:
        ranked.append((turns[place.action], order.get(place.action, len(order)), (place, example)))
        turns[place.action] += 1
    ranked.sort(key=lambda each: each[:2])
    different: dict[str, tuple[Place, Example]] = {}
    for _, _, each in ranked:
        different.setdefault(each[1].text, each)
    return list(different.values())[:most]


def _kinds(kinds: _Kinds, counts: Mapping[tuple[int, int], int]) -> dict[Kind, int]:
    found = dict.fromkeys(KINDS, 0)
    for pair, kind in kinds.items():
        if kind is not None:
            found[kind] += counts[pair]
    return found


def _effects(answers: Sequence[Answer], counts: Mapping[tuple[int, int], int]) -> dict[tuple[str, str], int]:
    found = {(before, after): 0 for before in _EFFECTS for after in _EFFECTS}
    for (before, after), count in counts.items():
        found[answers[before].effect, answers[after].effect] += count
    return found


def _moved(answers: Sequence[Answer], pair: tuple[int, int], question: Question) -> bool:
    """Whether the same answer is given by another rule."""
    before, after = (answers[each] for each in pair)
    return before.effect == after.effect and before.rule != question.renames.old_names.get(after.rule or "", after.rule)


def _series(moments: pl.DataFrame, kinds: _Kinds) -> Iterator[tuple[int | None, Kind, int]]:
    found: Counter[tuple[int | None, Kind]] = Counter()
    for moment, before, after, count in moments.iter_rows():
        kind = kinds[before, after]
        if kind is not None:
            found[moment, kind] += count
    for key in sorted(found, key=lambda key: (key[0] is None, key[0] or 0, KINDS.index(key[1]))):
        yield *key, found[key]


def _rank(group: Group) -> tuple[object, ...]:
    names = (str(part) for answer in (group.before, group.after) for part in answer)
    return KINDS.index(group.kind), -group.all.count, *names


__all__ = ["Group", "Ranking", "Replay", "Share", "summarize"]
