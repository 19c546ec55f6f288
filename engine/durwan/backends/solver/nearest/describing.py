"""From a way that helps to what is said about it: nearest values, and for each attribute all that would do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, cast

from durwan.backends.solver.nearest import members, wording
from durwan.backends.solver.nearest.lines import Line
from durwan.backends.solver.nearest.marks import Constants
from durwan.backends.solver.nearest.moments import Moments
from durwan.backends.solver.nearest.places import network_that_does, words_that_do
from durwan.backends.solver.nearest.situation import NOW, Situation, Way, plain
from durwan.backends.solver.question import UndecidedError
from durwan.model import types
from durwan.model.address import AddressRange, NetworkSet
from durwan.model.types import TIME_MAX, TIME_MIN, Type
from durwan.model.values import format_instant
from durwan.program.nearest import Among, AttributeChange, Between, NearestChange

_ORDERED: Final = (types.Int, types.Number, types.Time, types.Duration)
# More networks or words than this are no sentence any more.
_MOST_SAID: Final = 6
_MOST_KEPT: Final = 64


class Describing:
    """Makes ways of one situation easy to read."""

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._constants = Constants.of(situation)

    def change(self, way: Way) -> NearestChange:
        """The change that a way makes, with the values that are nearest, and in words."""
        way = self._without_carrying(way)
        for path in _in_order(way):
            way = self._chosen(way, path)
        way = self._without_carrying(way)
        changes = tuple(self._described(way, path) for path in _in_order(way))
        carried = {path: format_instant(at) for path, at in sorted(way.carried.items()) if isinstance(at, int)}
        return NearestChange(changes=changes, carried=carried)

    # ------------------------------------------------------------------------------------------------- choosing

    def _without_carrying(self, way: Way) -> Way:
        """With as many instants as possible left where they are."""
        for path in sorted(way.carried):
            less = Way(way.changes, {each: value for each, value in way.carried.items() if each != path})
            if self._situation.allowed(less.values):
                way = less
        return way

    def _chosen(self, way: Way, path: str) -> Way:
        """With the value at a path that is nearest to what the request says."""
        value = way.changes[path]
        declared = self._declared(path)
        if value is None:
            return way
        if path == NOW:
            return self._timed(way)
        if isinstance(declared, _ORDERED):
            line = Line(self._situation, self._constants, way, path)
            try:
                return line.moved(line.nearest())
            except UndecidedError:
                return way
        if isinstance(declared, types.SetOf):
            return _with(way, path, members.fewest(self._situation, way, path))
        if isinstance(declared, types.Address):
            return self._addressed(way, path)
        if isinstance(declared, types.String):
            return self._worded(way, path)
        return way

    def _timed(self, way: Way) -> Way:
        """With the first instant that does."""
        chosen = way.changes[NOW]
        try:
            moment = Moments(self._situation, way).first(self._situation.now)
        except UndecidedError:
            return way
        assert isinstance(chosen, int)  # noqa: S101 - an instant
        assert moment is not None  # noqa: S101 - the way's own is one
        moved = {path: value + moment - chosen for path, value in way.carried.items() if isinstance(value, int)}
        return Way({**way.changes, NOW: moment}, dict(moved))

    def _addressed(self, way: Way, path: str) -> Way:
        """With an address of the same family if there is one, and not the first of its network."""
        had = self._situation.values[path]
        family = len(had) if isinstance(had, bytes) else 4
        ranges = network_that_does(self._situation, way, path).ranges()
        best = next((each for each in ranges if len(each.first) == family), ranges[0])
        return _with(way, path, _second(best))

    def _worded(self, way: Way, path: str) -> Way:
        found = words_that_do(self._situation, way, path)
        if found is None:
            return way
        good, _, other = found
        return _with(way, path, other if other is not None else good[0])

    # ------------------------------------------------------------------------------------------------- describing

    def _described(self, way: Way, path: str) -> AttributeChange:
        value = plain(way.changes[path], self._situation.types[path])
        if value is None:
            return AttributeChange(path=path, value=None, text=f"without {path}")
        try:
            found = self._region(way, path)
        except UndecidedError:
            found = None
        if found is None:
            return AttributeChange(path=path, value=value, text=_exactly(path, value))
        region, text = found
        return AttributeChange(path=path, value=value, region=region, text=text)

    def _region(self, way: Way, path: str) -> tuple[Any, str] | None:
        match self._declared(path):
            case types.Time() if path == NOW:
                return self._moments(way)
            case types.Time():
                return self._instants(way, path)
            case types.Int() | types.Number():
                return self._numbers(way, path)
            case types.Address():
                return self._addresses(way, path)
            case types.SetOf():
                return self._sets(way, path)
            case types.String():
                return self._texts(way, path)
            case _:
                return None

    def _numbers(self, way: Way, path: str) -> tuple[Any, str]:
        line = Line(self._situation, self._constants, way, path)
        first, last = line.around()
        low = None if first == line.low else line.value(first)
        high = None if last == line.high else line.value(last)
        beyond = ("", "")
        if line.is_decimal:
            beyond = (
                _simpler(line.value(first), line.value(first - 1)),
                _simpler(line.value(last), line.value(last + 1)),
            )
        text = wording.quantity(path, low, high, beyond=beyond)  # type: ignore[arg-type]  # numbers, as the line is of them
        return Between(low=low, high=high), text

    def _moments(self, way: Way) -> tuple[Any, str]:
        first = way.changes[NOW]
        assert isinstance(first, int)  # noqa: S101 - an instant
        last = Moments(self._situation, way).last(first)
        region = Between(low=first, high=None if last == TIME_MAX else last)
        return region, wording.later(first, last, self._situation.now, self._constants.windows)

    def _instants(self, way: Way, path: str) -> tuple[Any, str]:
        line = Line(self._situation, self._constants, way, path)
        first, last = line.around()
        region = Between(low=None if first == TIME_MIN else first, high=None if last == TIME_MAX else last)
        now = way.changes.get(NOW, self._situation.now)
        assert isinstance(now, int)  # noqa: S101 - an instant
        return region, wording.instant(path, first, last, now, self._constants)

    def _addresses(self, way: Way, path: str) -> tuple[Any, str] | None:
        good = network_that_does(self._situation, way, path)
        networks = good.networks()
        if len(networks) <= _MOST_SAID:
            return Among(values=tuple(networks)), wording.address(path, networks, outside=False)
        within = self._within(way, good)
        if within is not None:
            whole, names = within
            text = f"{wording.address(path, whole, outside=False)} outside {wording.listed(names)}"
            return (Among(values=tuple(networks)) if len(networks) <= _MOST_KEPT else None), text
        refused = good.complement()
        excluded = refused.networks()
        named = self._named_networks(refused)
        if named is None and len(excluded) > _MOST_SAID:
            return None
        said = excluded if named is None else named
        return Among(values=tuple(excluded), outside=True), wording.address(path, said, outside=True)

    def _within(self, way: Way, good: NetworkSet) -> tuple[list[str], list[str]] | None:
        """A network of the request, and the declared networks outside which all its addresses would do."""
        values = {**self._situation.values, **way.values}
        declared = self._situation.program.networks
        for whole in values.values():
            if not isinstance(whole, NetworkSet) or len(whole.networks()) > _MOST_SAID or not _is_part(good, whole):
                continue
            apart = sorted(name for name, network in declared.items() if _is_part(network, good.complement()))
            without = NetworkSet([each for name in apart for each in declared[name].ranges()])
            if NetworkSet([*whole.complement().ranges(), *without.ranges()]) == good.complement():
                touching = [name for name in apart if not _is_part(declared[name], whole.complement())]
                return whole.networks(), touching
        return None

    def _named_networks(self, refused: NetworkSet) -> list[str] | None:
        """The declared networks that together are what is refused."""
        inside = {
            name: network for name, network in self._situation.program.networks.items() if _is_part(network, refused)
        }
        together = NetworkSet([each for network in inside.values() for each in network.ranges()])
        return sorted(inside) if inside and together == refused else None

    def _sets(self, way: Way, path: str) -> tuple[Any, str]:
        region = members.at_least(self._situation, way, path)
        if region is not None:
            return region, wording.held(path, region)
        had, chosen = (members.members_of(each) for each in (self._situation.values[path], way.changes[path]))
        return None, wording.set_changed(path, sorted(chosen - had), sorted(had - chosen))

    def _texts(self, way: Way, path: str) -> tuple[Any, str] | None:
        found = words_that_do(self._situation, way, path)
        if found is None:
            return None
        good, bad, other = found
        if other is None:
            return (
                (Among(values=tuple(good)), wording.texts(path, good, outside=False))
                if len(good) <= _MOST_SAID
                else None
            )
        named = next((name for name, held in self._situation.program.sets.items() if sorted(map(str, held)) == bad), "")
        if len(bad) > _MOST_SAID and not named:
            return None
        return Among(values=tuple(bad), outside=True), wording.texts(path, bad, outside=True, named=named)

    def _declared(self, path: str) -> Type:
        return self._situation.types[path]


def _in_order(way: Way) -> list[str]:
    """The instant first: the others may depend on it."""
    return sorted(way.changes, key=lambda path: (path != NOW, path))


def _with(way: Way, path: str, value: Any) -> Way:
    return Way({**way.changes, path: value}, way.carried)


def _second(each: AddressRange) -> bytes:
    first = int.from_bytes(each.first, "big")
    return each.first if each.first == each.last else (first + 1).to_bytes(len(each.first), "big")


def _is_part(network: NetworkSet, of: NetworkSet) -> bool:
    return NetworkSet([*network.ranges(), *of.ranges()]) == of


def _simpler(value: Any, beyond: Any) -> str:
    """The value beyond a bound, where it has fewer digits than the bound itself."""
    short, long = (
        f"{each:f}".rstrip("0").rstrip(".") if "." in f"{each:f}" else f"{each:f}" for each in (beyond, value)
    )
    return short if len(short) + 6 < len(long) and isinstance(value, Decimal) else ""


def _exactly(path: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"with {path} {str(value).lower()}"
    if path == NOW:
        return f"at {value}"
    if isinstance(value, list):
        members = [f"`{each}`" for each in cast("list[object]", value)]
        return f"with {path} holding {wording.listed(members)}" if members else f"with {path} empty"
    return f"with {path} `{value}`"
