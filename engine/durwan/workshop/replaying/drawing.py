"""Where things stand in the pictures of a replay: numbers for a template, which draws them as SVG.

Pictures are stretched to the width of the page, so all that is read stands beside them as text; what is horizontal is
in percent, what is vertical in pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from durwan.workshop.replaying.answers import KINDS, Kind
from durwan.workshop.replaying.moments import DAY, HOUR
from durwan.workshop.replaying.report import answer_words
from durwan.workshop.replaying.summary import Group, Replay

_BARS_HEIGHT: Final = 180.0
# More bars than this are too thin to be told apart.
_MOST_BARS: Final = 200
_SPANS: Final = tuple(n * HOUR for n in (1, 3, 6, 12)) + tuple(n * DAY for n in (1, 7, 30, 90, 365, 3650))
_MOST_NODES: Final = 9
_NODE_LEAST: Final = 52.0
_GAP: Final = 10.0
_FLOW_HEIGHT: Final = 260.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a bar: its kind, from where and how high, and what it says."""

    kind: Kind
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The flips of one span of time; what it says when it is pointed at."""

    x: float
    width: float
    pieces: tuple[Piece, ...]
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Flips over time: `most` is the height of the picture in requests, `ticks` are dates and where they stand."""

    bars: tuple[Bar, ...]
    height: float
    most: int
    ticks: tuple[tuple[float, str], ...]
    span: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An answer on one side of the flow: from where to where, what it is called, and how many requests."""

    words: str
    count: int
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ribbon:
    """The requests that went from one answer to another."""

    kind: Kind
    path: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """From the answers before to those after."""

    before: tuple[Node, ...]
    after: tuple[Node, ...]
    ribbons: tuple[Ribbon, ...]
    height: float


# ------------------------------------------------------------------------------------------------------------- bars


def bars_of(replay: Replay) -> Bars | None:
    """The flips over time; None where there is no time that can be read."""
    known = [each for each in replay.totals if each is not None]
    if not known:
        return None
    span = _span(min(known), max(known) + replay.span, replay.span)
    first = min(known) // span * span
    number = max(known) // span - first // span + 1
    flips: dict[int, Counter[Kind]] = {}
    for at, kind, count in replay.series:
        if at is not None:
            flips.setdefault((at - first) // span, Counter())[kind] += count
    totals: Counter[int] = Counter()
    for at, count in replay.totals.items():
        if at is not None:
            totals[(at - first) // span] += count
    most = max((counts.total() for counts in flips.values()), default=0)
    width = 100 / number
    bars = (
        Bar(
            x=place * width,
            width=width * 0.86,
            pieces=tuple(_pieces(counts, most)),
            title=_bar_title(first + place * span, span, counts, totals[place]),
        )
        for place, counts in sorted(flips.items())
    )
    ticks = tuple(_ticks(first, span, number))
    return Bars(bars=tuple(bars), height=_BARS_HEIGHT, most=most, ticks=ticks, span=_span_words(span))


def _span(first: int, last: int, least: int) -> int:
    fitting = (each for each in _SPANS if each >= least and each % least == 0 and (last - first) / each <= _MOST_BARS)
    return next(fitting, max(least, _SPANS[-1]))


def _pieces(counts: Counter[Kind], most: int) -> Iterable[Piece]:
    y = _BARS_HEIGHT
    for kind in KINDS:
        height = _BARS_HEIGHT * counts[kind] / most
        if height:
            y -= height
            yield Piece(kind=kind, y=y, height=height)


def _bar_title(at: int, span: int, counts: Counter[Kind], total: int) -> str:
    kinds = ", ".join(f"{counts[kind]:,} {kind}" for kind in KINDS if counts[kind])
    return f"{_date(at, span)}: {kinds}, of {total:,} requests"


def _ticks(first: int, span: int, number: int) -> Iterable[tuple[float, str]]:
    """A few dates below the bars."""
    step = max(-(-number // 6), 1)
    for place in range(0, number, step):
        yield place * 100 / number, _date(first + place * span, span)


def _date(at: int, span: int) -> str:
    moment = datetime.fromtimestamp(at // 1000, tz=UTC)
    return f"{moment:%Y-%m-%d}" if span >= DAY else f"{moment:%m-%d %H:%M}"


def _span_words(span: int) -> str:
    words = {HOUR: "hour", DAY: "day", 7 * DAY: "week"}
    return words.get(span, f"{span // DAY} days" if span >= DAY else f"{span // HOUR} hours")


# ------------------------------------------------------------------------------------------------------------- flow


def flow_of(groups: Sequence[Group]) -> Flow | None:
    """The flips from answers before to answers after; None where there are none."""
    if not groups:
        return None
    before, after = (_names(groups, side) for side in ("before", "after"))
    flows: Counter[tuple[str, str, Kind]] = Counter()
    for group in groups:
        flows[_name(group, "before", before), _name(group, "after", after), group.kind] += group.all.count
    whole = flows.total()
    left, right = (_nodes(names, flows, place, whole) for place, names in ((0, before), (1, after)))
    height = max(nodes[-1].y + nodes[-1].height for nodes in (left, right))
    return Flow(before=left, after=right, ribbons=tuple(_ribbons(flows, left, right)), height=height)


_OTHERS: Final = "other answers"


def _names(groups: Sequence[Group], side: str) -> list[str]:
    """The answers of one side by their weight; the lightest together, where there are many."""
    counts: Counter[str] = Counter()
    for group in groups:
        counts[answer_words(getattr(group, side))] += group.all.count
    ranked = [name for name, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]
    return ranked if len(ranked) <= _MOST_NODES else [*ranked[: _MOST_NODES - 1], _OTHERS]


def _name(group: Group, side: str, names: Sequence[str]) -> str:
    words = answer_words(getattr(group, side))
    return words if words in names else _OTHERS


def _nodes(
    names: Sequence[str], flows: Mapping[tuple[str, str, Kind], int], place: int, whole: int
) -> tuple[Node, ...]:
    counts: Counter[str] = Counter()
    for key, count in flows.items():
        counts[str(key[place])] += count
    found: list[Node] = []
    y = 0.0
    for name in names:
        # Every answer has the room that its name takes, however few its requests are.
        height = max(_FLOW_HEIGHT * counts[name] / whole, _NODE_LEAST)
        found.append(Node(words=name, count=counts[name], y=y, height=height))
        y += height + _GAP
    return tuple(found)


def _ribbons(
    flows: Mapping[tuple[str, str, Kind], int], left: Sequence[Node], right: Sequence[Node]
) -> Iterable[Ribbon]:
    """Each as thick at its ends as its share of the nodes there."""
    nodes = {node.words: node for node in left}, {node.words: node for node in right}
    used: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    orders = tuple({node.words: place for place, node in enumerate(side)} for side in (left, right))
    for (before, after, kind), count in sorted(
        flows.items(), key=lambda each: (orders[0][each[0][0]], orders[1][each[0][1]], each[0][2])
    ):
        ends: list[tuple[float, float]] = []
        for side, name in enumerate((before, after)):
            node = nodes[side][name]
            top = node.y + node.height * used[side][name] / node.count
            used[side][name] += count
            ends.append((top, node.y + node.height * used[side][name] / node.count))
        (a, b), (c, d) = ends
        path = f"M0,{a:.2f} C50,{a:.2f} 50,{c:.2f} 100,{c:.2f} L100,{d:.2f} C50,{d:.2f} 50,{b:.2f} 0,{b:.2f} Z"
        yield Ribbon(kind=kind, path=path, title=f"{before} → {after}: {count:,}".replace("`", ""))


__all__ = ["Bars", "Flow", "bars_of", "flow_of"]
