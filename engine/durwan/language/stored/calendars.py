"""The calendars of exchanges, kept: to read one from its package takes longer than all the rest of a small set."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from durwan.language.stored.store import Store
from durwan.model.calendar import Calendar, exchange_calendar, exchange_zone
from durwan.model.zone import find_zone


def stored_calendar(store: Store, name: str) -> Calendar:
    """The sessions of an exchange, as `exchange_calendar` gives them.

    They depend on the installed packages, on the month, since the package counts its years from today, and on the data
    of the exchange's time zone.

    Raises:
        CalendarsNotInstalledError: if the package is not installed.
        CalendarNotFoundError: if it has no such calendar.
    """
    packages = _installed()
    if packages is None:
        return exchange_calendar(name)
    key = "calendar", name, _month(date.today()), *packages  # noqa: DTZ011 - the package goes by the local day
    found = store.read(*key)
    if found is not None and find_zone(found["zone"]).digest == found["zone_digest"]:
        return Calendar(name, found["first"], found["last"], _sessions(found["sessions"]))
    calendar, zone = exchange_calendar(name), exchange_zone(name)
    store.write(
        {
            "zone": zone,
            "zone_digest": find_zone(zone).digest,
            "first": calendar.first,
            "last": calendar.last,
            "sessions": calendar.sessions,
        },
        *key,
    )
    return calendar


def _month(today: date) -> str:
    """The days on which the package has the same whole years and months."""
    return f"{today:%Y-%m}" if (today.month, today.day) != (1, 1) else f"{today:%Y-%m-%d}"


def _installed() -> list[str] | None:
    """The names and versions of what is installed beside the package, on which it builds; None where it is not."""
    spec = find_spec("exchange_calendars")
    if spec is None or spec.origin is None:
        return None
    return sorted(path.name for path in Path(spec.origin).parents[1].glob("*.dist-info"))


def _sessions(forms: Iterable[Any]) -> tuple[tuple[tuple[int, int], ...], ...]:
    return tuple([tuple([(opened, closed) for opened, closed in form]) for form in forms])
