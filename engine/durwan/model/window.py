"""Windows of time (language page, section 8): what they mean, and a fast way to ask.

`Window.contains` is the meaning, by wall clocks. `Window.at` answers from edges that are computed for a stretch of
some three months when it is first asked about, and also says when the answer changes next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from durwan.model.calendar import Calendar, CalendarNotFoundError
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.window_spans import CalendarSpan, DatesSpan, InstantSpan, Span, WeeklySpan, membership
from durwan.model.zone import find_zone

_END_OF_TIME: Final = TIME_MAX + 1


def _any(answers: Iterable[bool | None]) -> bool | None:
    """Kleene `or`."""
    found: bool | None = False
    for answer in answers:
        if answer:
            return True
        if answer is None:
            found = None
    return found


def _except(inside: bool | None, excepted: bool | None) -> bool | None:
    """Kleene `inside and not excepted`."""
    if inside is False or excepted is True:
        return False
    return None if inside is None or excepted is None else True


# What is known of one stretch of time: its edges, and what to answer before, between and after them.
_Answer = tuple[bool | None, int | None]
_Chunk = tuple[tuple[int, ...], tuple[_Answer, ...]]
# The state with which a stretch of time begins, and each change in it with the state that begins there.
_Changes = tuple[bool | None, tuple[tuple[int, bool | None], ...]]

# A chunk is 2**33 ms, 99 days: long enough that a running gateway stays in one, short enough that computing one
# takes well under a millisecond whatever instant a request asks about.
_SHIFT: Final = 33
_FIRST_CHUNK: Final = TIME_MIN >> _SHIFT
_LAST_CHUNK: Final = _END_OF_TIME >> _SHIFT
# How many chunks are remembered, and how many are searched for the next change before saying "ask again then".
_REMEMBERED: Final = 32
_HORIZON: Final = 8


class _Chunks(dict[int, _Chunk]):
    """The chunks of one window, made when first asked for.

    There is no lock: each step on the dict is one, and two threads that make the same chunk make equal ones.
    """

    def __init__(self, make: Callable[[int], _Chunk]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, number: int) -> _Chunk:
        if number < _FIRST_CHUNK:
            return (), ((None, TIME_MIN),)
        if number > _LAST_CHUNK:
            return (), ((None, None),)
        found = self._make(number)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[number] = found
        return found


class Window:
    """A declared set of instants. Immutable; equal where spans, exceptions and the calendars they use are equal.

    Make one with `build_window`.
    """

    __slots__ = ("_changes", "_chunks", "_content", "_exceptions", "_hash", "_spans")

    def __init__(self, spans: tuple[Span, ...], exceptions: tuple[Span, ...], calendars: tuple[Calendar, ...]) -> None:
        known = {calendar.name: calendar for calendar in calendars}
        self._content = (spans, exceptions, calendars)
        self._hash = hash(self._content)
        self._spans = [membership(span, known) for span in spans]
        self._exceptions = [membership(span, known) for span in exceptions]
        self._changes: dict[int, _Changes] = {}
        self._chunks = _Chunks(self._chunk)

    @property
    def spans(self) -> tuple[Span, ...]:
        """What is inside, as declared."""
        return self._content[0]

    @property
    def exceptions(self) -> tuple[Span, ...]:
        """What is excepted, as declared."""
        return self._content[1]

    @property
    def calendars(self) -> tuple[Calendar, ...]:
        """The calendars that the spans and exceptions name, sorted by name."""
        return self._content[2]

    def contains(self, instant: int) -> bool | None:
        """Whether the instant is inside: in one of the spans and in no exception; None where that is unknown.

        Unknown are instants outside the years 1 to 9999 and what hangs on a calendar beyond its data.
        """
        if not TIME_MIN <= instant <= TIME_MAX:
            return None
        inside = _any(span.contains(instant) for span in self._spans)
        return _except(inside, _any(span.contains(instant) for span in self._exceptions))

    def at(self, instant: int) -> _Answer:
        """What `contains` says, and the first later instant at which that may change.

        That instant may be early, never late; None only where nothing ever changes again. The end of the year 9999
        is such a change, from known to unknown.
        """
        edges, answers = self._chunks[instant >> _SHIFT]
        return answers[bisect_right(edges, instant)]

    def environment(self) -> dict[str, str]:
        """What the meaning depends on beside the spans: digests of time zones and calendars, by kind and name."""
        every = (*self.spans, *self.exceptions)
        zones = {span.zone for span in every if isinstance(span, WeeklySpan | DatesSpan)}
        found = {f"zone {name}": find_zone(name).digest for name in sorted(zones)}
        return found | {f"calendar {calendar.name}": calendar.digest for calendar in self.calendars}

    def __eq__(self, other: object) -> bool:
        return self._content == other._content if isinstance(other, Window) else NotImplemented

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Window(spans={self.spans!r}, exceptions={self.exceptions!r})"

    def __reduce__(self) -> tuple[type[Window], tuple[object, ...]]:
        return (Window, self._content)

    def _chunk(self, number: int) -> _Chunk:
        before, changes = self._changes_in(number)
        edges = [instant for instant, _ in changes]
        states = [before, *(state for _, state in changes)]
        return tuple(edges), tuple(zip(states, [*edges, self._next_change(number + 1)], strict=True))

    def _next_change(self, number: int) -> int | None:
        """The first change in this chunk or a later one, or an earlier instant where that is far away."""
        for _ in range(_HORIZON):
            # A change at the very beginning of a chunk is one of those of the chunk before.
            number = max(number, min(self._quiet_until(number << _SHIFT), _END_OF_TIME) - 1 >> _SHIFT)
            if number > _LAST_CHUNK:
                return None
            _, changes = self._changes_in(number)
            if changes:
                return changes[0][0]
            number += 1
        return number << _SHIFT if number <= _LAST_CHUNK else None

    def _quiet_until(self, instant: int) -> int:
        """An instant before which, from the given one on, no span changes; the end of time if none ever does."""
        active = [span.active for span in (*self._spans, *self._exceptions) if span.active is not None]
        return min((max(start, instant) for start, end in active if end > instant), default=_END_OF_TIME)

    def _changes_in(self, number: int) -> _Changes:
        found = self._changes.get(number)
        if found is None:
            found = self._sweep(number << _SHIFT, (number + 1) << _SHIFT)
            if len(self._changes) >= _REMEMBERED:
                self._changes.clear()
            self._changes[number] = found
        return found

    def _sweep(self, first: int, last: int) -> _Changes:
        """All changes in `(first, last]`, by going once over those of every span."""
        inside, excepted = _Tally(), _Tally()
        moments: dict[int, list[tuple[_Tally, bool | None, bool | None]]] = {
            instant: [] for instant in (TIME_MIN, _END_OF_TIME) if first < instant <= last
        }
        for tally, spans in ((inside, self._spans), (excepted, self._exceptions)):
            for span in spans:
                state = span.contains(first)
                tally.move(False, state)
                for instant in sorted({last, *(edge for edge in span.edges(first, last) if first < edge < last)}):
                    before, state = state, span.contains(instant)
                    if state is not before:
                        moments.setdefault(instant, []).append((tally, before, state))
        known = beginning = _except(inside.value, excepted.value) if first >= TIME_MIN else None
        changes: list[tuple[int, bool | None]] = []
        for instant in sorted(moments):
            for tally, before, after in moments[instant]:
                tally.move(before, after)
            state = _except(inside.value, excepted.value) if TIME_MIN <= instant <= TIME_MAX else None
            if state is not known:
                changes.append((instant, state))
                known = state
        return beginning, tuple(changes)


class _Tally:
    """How many of several memberships are true and how many unknown: Kleene `or`, a step at a time."""

    def __init__(self) -> None:
        self._true = 0
        self._unknown = 0

    def move(self, before: bool | None, after: bool | None) -> None:
        """One membership changes."""
        self._true += (after is True) - (before is True)
        self._unknown += (after is None) - (before is None)

    @property
    def value(self) -> bool | None:
        """What `or` of all says."""
        if self._true:
            return True
        return None if self._unknown else False


def build_window(
    spans: Sequence[Span], exceptions: Sequence[Span] = (), calendars: Mapping[str, Calendar] | None = None
) -> Window:
    """The window of all instants that are in one of the spans and in none of the exceptions.

    `calendars` holds, by name, at least those that the spans use.

    Raises:
        ZoneNotFoundError: if a span names a time zone that does not exist.
        CalendarNotFoundError: if a span names a calendar that is not given.
    """
    given = calendars or {}
    names = sorted({span.name for span in (*spans, *exceptions) if isinstance(span, CalendarSpan)})
    for name in names:
        if name not in given:
            raise CalendarNotFoundError(name, tuple(given)[:3])
    return Window(tuple(spans), tuple(exceptions), tuple(given[name] for name in names))


__all__ = [
    "CalendarSpan",
    "DatesSpan",
    "InstantSpan",
    "Span",
    "WeeklySpan",
    "Window",
    "build_window",
]
