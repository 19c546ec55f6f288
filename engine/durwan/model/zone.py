"""Time zones: found by plain IANA name, read once, pinned by the digest of the very bytes that were read.

The system's time-zone data comes first, as for the standard library's `zoneinfo`, and the `tzdata` package second.
"""

from __future__ import annotations

import os
import re
import struct
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from durwan.errors import DurwanError
from durwan.model.types import TIME_MAX, TIME_MIN

DAY: Final = 86_400_000

# Letters, digits, `_`, `+`, `-`, joined by `/`: no dots, so neither `..` nor a suffix, and nothing absolute.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,32}){0,3}", re.ASCII)
# Files of the time-zone directory that are no zones of their own: what this machine happens to use, and two copies
# of everything, of which one counts leap seconds.
_NOT_NAMES = frozenset({"localtime", "posixrules"})
_NOT_FOLDERS = frozenset({"posix", "right"})
_MAGIC = b"TZif"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Two changes of a zone's clocks have never been nearer to each other than four days; a test looks through all zones.
_STEP = DAY


class ZoneNotFoundError(DurwanError):
    """A time zone that the time-zone data of this machine does not have.

    Attributes:
        name: the name asked for.
        suggestions: names that exist and look like it, best first.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.suggestions = _suggestions(name)
        hint = f"; did you mean {self.suggestions[0]!r}?" if self.suggestions else ""
        super().__init__(f"there is no time zone {name!r}{hint}")


class Zone:
    """One time zone: at each instant, how far its clocks are ahead of UTC.

    `digest` is the SHA-256, in hex, of the TZif file that it was read from.
    """

    def __init__(self, name: str, tzif: bytes) -> None:
        self.name = name
        self.digest = sha256(tzif).hexdigest()
        self._zone = ZoneInfo.from_file(BytesIO(tzif), key=name)

    def offset(self, instant: int) -> int:
        """Milliseconds by which wall clocks are ahead of UTC at an instant.

        In the first and last day of the years 1 to 9999 a calendar would overflow; there it is the day's before or
        after, which no rule of any zone distinguishes.
        """
        inner = min(max(instant, TIME_MIN + DAY), TIME_MAX - DAY)
        ahead = (_EPOCH + timedelta(milliseconds=inner)).astimezone(self._zone).utcoffset()
        return 0 if ahead is None else ahead // timedelta(milliseconds=1)

    def wall_clock(self, instant: int) -> tuple[int, int]:
        """What a wall clock shows: the day, counted from 1970-01-01, and the milliseconds since its midnight."""
        return divmod(instant + self.offset(instant), DAY)


@lru_cache(maxsize=512)
def stretches(zone: Zone, first: int, last: int) -> tuple[tuple[int, int, int], ...]:
    """The stretches `(start, end, offset)` of unchanging offset that make up `[first, last)`, ascending."""
    starts = [first, *_changes(zone, first, last)]
    ends = [*starts[1:], last]
    return tuple((start, end, zone.offset(start)) for start, end in zip(starts, ends, strict=True))


def _changes(zone: Zone, first: int, last: int) -> Iterator[int]:
    """The instants in `(first, last)` from which the offset is another one than before."""
    known = first
    offset = zone.offset(known)
    while known < last - 1:
        probe = min(known + _STEP, last - 1)
        if zone.offset(probe) == offset:
            known = probe
            continue
        before, after = known, probe
        while after - before > 1:
            middle = (before + after) // 2
            if zone.offset(middle) == offset:
                before = middle
            else:
                after = middle
        yield after
        known, offset = after, zone.offset(after)


@lru_cache(maxsize=1024)
def find_zone(name: str) -> Zone:
    """The zone of a plain IANA name such as `Europe/London`.

    Raises:
        ZoneNotFoundError: if there is none; paths, other cases and this machine's `localtime` are no names.
    """
    tzif = _tzif(name) if is_plain_name(name) else None
    if tzif is None:
        raise ZoneNotFoundError(name)
    try:
        return Zone(name, tzif)
    except (ValueError, LookupError, struct.error) as error:  # a file that was cut off or damaged
        raise ZoneNotFoundError(name) from error


def zone_digest(name: str) -> str:
    """The SHA-256, in hex, of the TZif bytes that this zone is read from.

    Raises:
        ZoneNotFoundError: if there is no such zone.
    """
    return find_zone(name).digest


def is_plain_name(name: str) -> bool:
    """Whether the text may name a zone at all, whatever the time-zone data holds."""
    return _NAME.fullmatch(name) is not None and name not in _NOT_NAMES and name.partition("/")[0] not in _NOT_FOLDERS


def _tzif(name: str) -> bytes | None:
    parts = name.split("/")
    for root in zoneinfo.TZPATH:
        path = Path(root)
        # Listing each folder, rather than opening the path, keeps to the exact case on every file system.
        for part in parts:
            if not _lists(path, part):
                break
            path /= part
        else:
            found = _read(path)
            if found is not None:
                return found
    return _tzif_of_package(name)


def _lists(folder: Path, entry: str) -> bool:
    try:
        return entry in os.listdir(folder)  # noqa: PTH208 - names alone are wanted, not paths
    except OSError:
        return False


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if content.startswith(_MAGIC) else None


def _tzif_of_package(name: str) -> bytes | None:
    if name not in _names_of_package():
        return None
    return files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


@lru_cache(maxsize=1)
def _names_of_package() -> frozenset[str]:
    try:
        return frozenset(files("tzdata").joinpath("zones").read_text("ascii").split())
    except ModuleNotFoundError:  # pragma: no cover - the tests install it
        return frozenset()


def _suggestions(name: str) -> tuple[str, ...]:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    known = sorted(each for each in _names_of_package() | zoneinfo.available_timezones() if is_plain_name(each))
    asked = name.strip().replace(" ", "_").lower()[:80]
    places = {each.lower(): each for each in known}
    cities: dict[str, str] = {}
    for each in known:
        cities.setdefault(each.rpartition("/")[2].lower(), each)
    exact = [found for found in (places.get(asked), cities.get(asked)) if found is not None]
    close = [places[each] for each in get_close_matches(asked, places, n=3, cutoff=0.7)]
    city = asked.rpartition("/")[2]
    near = [cities[each] for each in get_close_matches(city, cities, n=2, cutoff=0.8)] if city else []
    return tuple(dict.fromkeys([*exact, *close, *near]))[:3]


__all__ = ["DAY", "Zone", "ZoneNotFoundError", "find_zone", "is_plain_name", "stretches", "zone_digest"]
