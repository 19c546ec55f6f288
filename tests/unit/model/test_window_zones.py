"""Time zones: their names, their bytes, and every change of their clocks."""

from __future__ import annotations

import struct
import zoneinfo
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.window import DatesSpan, WeeklySpan, build_window
from durwan.model.zone import DAY, ZoneNotFoundError, find_zone, is_plain_name, stretches, zone_digest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def tzif_bytes(name: str) -> bytes:
    for root in zoneinfo.TZPATH:
        if (path := Path(root) / name).exists():
            return path.read_bytes()
    return files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


def milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "name",
    [
        "", "/UTC", "/usr/share/zoneinfo/UTC", "../UTC", "Europe/../UTC", "Europe//London", "Europe/London/", "Europe/",
        "Europe", "Europe\\London", "europe/london", "EUROPE/LONDON", "utc", " UTC", "UTC ", "UTC\n", "UTC\x00",
        "localtime", "posixrules",
        "right/UTC", "posix/UTC", "zone.tab", "tzdata.zi", "UTC.", ".", "..", "Éurope/London", "Europe/Lond\u03bfn",
        "C:UTC", "x" * 100_000, "+VERSION", "leapseconds", "iso3166.tab", "Nowhere/Land",
    ],
)  # fmt: skip
def test_only_plain_iana_names_are_zones(name: str) -> None:
    """Paths, other cases, look-alikes and files of the time-zone directory that are no zones are refused."""
    with pytest.raises(ZoneNotFoundError):
        find_zone(name)


@pytest.mark.parametrize(
    "name",
    ["UTC", "Europe/London", "Etc/GMT+12", "America/Argentina/Buenos_Aires", "America/Port-au-Prince", "GB-Eire"],
)
def test_iana_names_are_found(name: str) -> None:
    """Areas, cities, offsets and old links are all names."""
    assert find_zone(name).name == name


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("europe/london", "Europe/London"),
        ("London", "Europe/London"),
        ("Europe/Londn", "Europe/London"),
        ("America/New York", "America/New_York"),
        ("new york", "America/New_York"),
        ("utc", "UTC"),
        ("Asia/Tokio", "Asia/Tokyo"),
    ],
)
def test_a_name_that_was_meant_is_suggested(asked: str, meant: str) -> None:
    """Wrong case, a city alone, a space and a slip of the finger are recognised."""
    with pytest.raises(ZoneNotFoundError) as caught:
        find_zone(asked)
    assert caught.value.suggestions[0] == meant
    assert meant in str(caught.value)


def test_the_digest_is_of_the_bytes_that_are_used() -> None:
    """The system's file counts where there is one."""
    assert zone_digest("Europe/London") == sha256(tzif_bytes("Europe/London")).hexdigest()
    assert zone_digest("Europe/London") != zone_digest("Europe/Paris")


def test_without_system_data_the_package_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty time-zone directory, and a file that is no time zone, make room for the tzdata package."""
    (tmp_path / "UTC").write_text("not a time zone")
    monkeypatch.setattr(zoneinfo, "TZPATH", (str(tmp_path), str(tmp_path / "missing")))
    find_zone.cache_clear()
    try:
        assert find_zone("UTC").offset(0) == 0
        assert find_zone("Asia/Kathmandu").offset(1_700_000_000_000) == 20_700_000
        with pytest.raises(ZoneNotFoundError):
            find_zone("Europe/Atlantis")
    finally:
        find_zone.cache_clear()


@pytest.mark.parametrize("content", [b"TZif", b"TZif2" + bytes(39), b"TZif2" + b"\xff" * 200])
def test_a_damaged_file_is_no_zone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes) -> None:
    """A file that begins like time-zone data and ends too early is refused under our own error."""
    (tmp_path / "UTC").write_bytes(content)
    monkeypatch.setattr(zoneinfo, "TZPATH", (str(tmp_path),))
    find_zone.cache_clear()
    try:
        with pytest.raises(ZoneNotFoundError):
            find_zone("UTC")
    finally:
        find_zone.cache_clear()


def offset_changes(tzif: bytes) -> list[tuple[int, int]]:
    """The instants (in seconds) at which a TZif file changes the offset, and the offset from then on (RFC 9636)."""

    def header(at: int) -> tuple[int, ...]:
        return struct.unpack_from(">6I", tzif, at + 20)

    ut, std, leaps, times, types, characters = header(0)
    second = 44 + times * 5 + types * 6 + characters + leaps * 8 + std + ut
    _, _, _, times, types, _ = header(second)
    body = second + 44
    instants: tuple[int, ...] = struct.unpack_from(f">{times}q", tzif, body)
    indices: tuple[int, ...] = struct.unpack_from(f">{times}B", tzif, body + times * 8)
    offsets: list[int] = [struct.unpack_from(">i", tzif, body + times * 9 + kind * 6)[0] for kind in range(types)]
    changes: list[tuple[int, int]] = []
    known = offsets[0]
    for at, kind in zip(instants, indices, strict=True):
        if offsets[kind] != known:
            known = offsets[kind]
            changes.append((at, known))
    return changes


def test_no_zone_changes_its_clocks_twice_within_a_step() -> None:
    """The scan for changes takes steps of a day; no two changes in history are less than three apart."""
    for name in sorted(zoneinfo.available_timezones()):
        if not is_plain_name(name):
            continue
        changes = [at for at, _ in offset_changes(tzif_bytes(name))]
        gaps = [after - before for before, after in pairwise(changes)]
        assert min(gaps, default=10**9) > 3 * DAY // 1_000, name


@pytest.mark.parametrize("name", ["Europe/London", "Africa/Casablanca", "Australia/Lord_Howe", "America/Sao_Paulo"])
def test_every_change_of_a_zone_is_found(name: str) -> None:
    """The stretches of unchanging offset are exactly those that the zone's file lists."""
    first, last = milliseconds(datetime(1900, 1, 1, tzinfo=UTC)), milliseconds(datetime(2037, 1, 1, tzinfo=UTC))
    expected = [
        (at * 1000, offset * 1000) for at, offset in offset_changes(tzif_bytes(name)) if first < at * 1000 < last
    ]
    found = [(start, offset) for start, _, offset in stretches(find_zone(name), first, last)]
    assert found[1:][: len(expected)] == expected


def test_the_offset_at_the_ends_of_time_is_the_neighbouring_day_s() -> None:
    """Where a calendar would overflow there is still an offset."""
    tokyo = find_zone("Asia/Tokyo")
    assert tokyo.offset(TIME_MAX) == 9 * 3_600_000
    assert find_zone("America/New_York").offset(TIME_MIN) == -(4 * 3_600_000 + 56 * 60_000 + 2_000)


def test_offsets_are_those_of_the_standard_library() -> None:
    """At every hour of two years, in a zone with odd offsets."""
    zone, theirs = find_zone("Africa/Casablanca"), ZoneInfo("Africa/Casablanca")
    moment = datetime(2023, 1, 1, tzinfo=UTC)
    for _ in range(2 * 365 * 24):
        moment += timedelta(hours=1)
        ahead = moment.astimezone(theirs).utcoffset()
        assert ahead is not None
        assert zone.offset(milliseconds(moment)) == ahead // timedelta(milliseconds=1)


def test_a_day_and_a_week_of_the_same_zone_agree() -> None:
    """A date and the weekday it falls on hold the same instants."""
    day = build_window([DatesSpan(date(2026, 3, 29), date(2026, 3, 29), "Europe/London")])
    sunday = build_window([WeeklySpan(frozenset({6}), 0, DAY, "Europe/London")])
    moment = milliseconds(datetime(2026, 3, 29, tzinfo=UTC))
    assert day.at(moment) == sunday.at(moment) == (True, moment + 23 * 3_600_000)
