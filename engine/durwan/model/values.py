"""Reading what a request says: from plain data to a value of the declared type, or unknown (language page, section 4).

Every reader returns None for *unknown*. Only exact built-in types count: a subclass or a foreign object could answer
any comparison as it likes. No reader raises for what it is given.

The values: bool; int; `decimal.Decimal` or int for a decimal; str for strings and scopes; packed bytes for an
address; `NetworkSet`; int milliseconds for times (since the epoch) and durations; frozenset for sets.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from functools import cache
from typing import Any

from durwan.model import types
from durwan.model.address import AddressRange, NetworkSet, parse_address, parse_network
from durwan.model.types import INT64_MAX, INT64_MIN, TIME_MAX, TIME_MIN

Value = bool | int | Decimal | str | bytes | NetworkSet | frozenset[str] | frozenset[int]


class StringSet(frozenset[str]):
    """A set of strings that was read before, as a key source may keep it: its members need no second look."""


# Wide enough for any sum or product of two values of 18+18 digits: nothing is ever rounded.
EXACT = Context(prec=100)

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,64})?", re.ASCII)
_SHORT_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?", re.ASCII)
_ZERO = Decimal(0)
_DECIMAL_BOUND = Decimal(10) ** 18
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:\.([0-9]{1,64}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))",
    re.ASCII,
)
_DURATION = re.compile(r"(?:[0-9]{1,19}(?:ms|s|m|h|d))+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]+)(ms|s|m|h|d)", re.ASCII)
_UNIT = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST_NUMBER = 100
_COLLECTIONS = (list, tuple, set, frozenset)


def read_bool(raw: object) -> bool | None:
    """True or False themselves; nothing else is a bool."""
    return raw if raw is True or raw is False else None


def read_int(raw: object) -> int | None:
    """An int of 64 bits, its exact text, or a float or Decimal that is integral."""
    kind = type(raw)
    number: int
    if kind is int:
        number = raw  # type: ignore[assignment]
    elif kind is str:
        text: str = raw  # type: ignore[assignment]
        if len(text) > 20 or not _INTEGER.fullmatch(text):
            return None
        number = int(text)
    elif kind is float or kind is Decimal:
        real: float = raw  # type: ignore[assignment]
        # Beyond 2**64 no integral value can matter, and int() of a huge Decimal exponent would not end.
        if not (_is_small_float(real) if kind is float else _is_small_decimal(raw)) or real != int(real):  # type: ignore[arg-type]
            return None
        number = int(real)
    else:
        return None
    return number if INT64_MIN <= number <= INT64_MAX else None


def _is_small_float(real: float) -> bool:
    return math.isfinite(real) and -(2.0**64) < real < 2.0**64


def _is_small_decimal(real: Decimal) -> bool:
    # Neither abs() nor math.isfinite: the one rounds by the caller's context, the other raises for a signalling NaN.
    return real.is_finite() and real.adjusted() < 20


def read_decimal(raw: object) -> Decimal | int | None:
    """An int, an exact text, a Decimal, or a float by its shortest decimal form; at most 18+18 digits."""
    kind = type(raw)
    if kind is int:
        number: int = raw  # type: ignore[assignment]
        return number if -_DECIMAL_BOUND < number < _DECIMAL_BOUND else None
    if kind is str:
        text: str = raw  # type: ignore[assignment]
        if _SHORT_DECIMAL.fullmatch(text):
            # Nearly every number: within 18+18 digits as it stands.
            return Decimal(text) or _ZERO
        if len(text) > _LONGEST_NUMBER or not _DECIMAL.fullmatch(text):
            return None
        return within_digits(Decimal(text))
    if kind is float:
        real: float = raw  # type: ignore[assignment]
        return within_digits(Decimal(repr(real))) if math.isfinite(real) else None
    if kind is Decimal:
        exact: Decimal = raw  # type: ignore[assignment]
        return within_digits(exact) if exact.is_finite() else None
    return None


def within_digits(number: Decimal) -> Decimal | None:
    """The number itself where 18 digits before and 18 after the point hold it exactly, else None (overflow)."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return None
    if not number:
        return Decimal(0)
    if number.adjusted() >= 18:
        return None
    if exponent >= -18:
        return number
    spare = -18 - exponent
    if any(digits[-spare:]) or spare >= len(digits):
        return None
    return number.quantize(Decimal(1).scaleb(-18), context=EXACT)


def read_string(raw: object) -> str | None:
    """A str, code points as they are."""
    return raw if type(raw) is str else None


def read_address(raw: object) -> bytes | None:
    """The text of one address, packed; see `durwan.model.address.parse_address`."""
    return parse_address(raw) if type(raw) is str else None


def read_time(raw: object) -> int | None:
    """RFC 3339 text, an aware datetime, or an int of milliseconds since the epoch; years 1 to 9999."""
    kind = type(raw)
    found: int | None
    if kind is int:
        found = raw  # type: ignore[assignment]
    elif kind is str:
        found = parse_instant(raw)  # type: ignore[arg-type]
    elif kind is datetime:
        found = _from_datetime(raw)  # type: ignore[arg-type]
    else:
        return None
    return found if found is not None and TIME_MIN <= found <= TIME_MAX else None


def parse_instant(text: str) -> int | None:
    """Milliseconds since the epoch of RFC 3339 text; seconds may be left out, what is finer than 1 ms is cut off.

    A leap second (`:60`), `24:00` and a date or time without an offset are no instant.
    """
    if len(text) > _LONGEST_NUMBER:
        return None
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    day, clock, seconds, fraction, sign, hours, minutes = match.groups()
    if fraction is not None and seconds is None:
        return None
    offset = 0
    if sign is not None:
        if int(hours) > 23 or int(minutes) > 59:
            return None
        offset = (int(hours) * 60 + int(minutes)) * (-60_000 if sign == "-" else 60_000)
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{seconds or ':00'}+00:00")
    except ValueError:
        return None
    milliseconds = int((fraction or "0")[:3].ljust(3, "0"))
    found = (moment - _EPOCH) // _MILLISECOND + milliseconds - offset
    return found if TIME_MIN <= found <= TIME_MAX else None


def _from_datetime(moment: datetime) -> int | None:
    try:
        offset = moment.utcoffset()
        # Subtracting first would pass over the years 1 and 9999; whole microseconds keep it exact.
        return None if offset is None else (moment.replace(tzinfo=UTC) - _EPOCH - offset) // _MILLISECOND
    except Exception:  # noqa: BLE001 - a foreign tzinfo may raise anything; then the time is unknown
        return None


def read_duration(raw: object) -> int | None:
    """An int of milliseconds, or text in the language's form (`1h30m`)."""
    kind = type(raw)
    if kind is int:
        number: int = raw  # type: ignore[assignment]
        return number if INT64_MIN <= number <= INT64_MAX else None
    return parse_duration(raw) if kind is str else None  # type: ignore[arg-type]


def parse_duration(text: str) -> int | None:
    """Milliseconds of `250ms`, `30s`, `15m`, `8h`, `90d` or a sum such as `1h30m`; None beyond 64 bits."""
    if len(text) > _LONGEST_NUMBER or not _DURATION.fullmatch(text):
        return None
    total = sum(int(count) * _UNIT[unit] for count, unit in _DURATION_PART.findall(text))
    return total if total <= INT64_MAX else None


def read_network(raw: Any) -> NetworkSet | None:
    """A list of addresses and networks in the language's form; one that is malformed makes the whole unknown."""
    if type(raw) is NetworkSet:
        return raw
    if type(raw) not in _COLLECTIONS:
        return None
    ranges: list[AddressRange] = []
    for item in raw:
        found = parse_network(item) if type(item) is str else None
        if found is None:
            return None
        ranges.append(found)
    return NetworkSet(ranges)


def read_string_set(raw: object) -> frozenset[str] | None:
    """A collection whose members are all str."""
    kind = type(raw)
    if kind is StringSet:
        return raw  # type: ignore[return-value]
    if kind is not list and kind is not tuple and kind is not frozenset and kind is not set:
        return None
    members: Iterable[Any] = raw  # type: ignore[assignment]
    for item in members:
        if type(item) is not str:
            return None
    return frozenset(members)


def _within(low: Any, high: Any, read: Callable[[object], Any]) -> Callable[[object], Any]:
    def read_within(raw: object) -> Any:
        value = read(raw)
        return value if value is not None and low <= value <= high else None

    return read_within


def _chosen(choices: tuple[str, ...]) -> Callable[[object], str | None]:
    def read_choice(raw: object) -> str | None:
        return raw if type(raw) is str and raw in choices else None

    return read_choice


def _members(read: Callable[[object], Any]) -> Callable[[object], frozenset[Any] | None]:
    def read_members(raw: Any) -> frozenset[Any] | None:
        if type(raw) not in _COLLECTIONS:
            return None
        members = [read(item) for item in raw]
        return None if None in members else frozenset(members)

    return read_members


@cache
def reader(declared: types.Type) -> Callable[[object], Any]:  # noqa: PLR0911, C901 - one line per type
    """The function that reads a value of the declared type, answering None where it is unknown."""
    match declared:
        case types.Bool():
            return read_bool
        case types.Int(None):
            return read_int
        case types.Int(low, high):
            return _within(low, high, read_int)
        case types.Number(None):
            return read_decimal
        case types.Number(low, high):
            return _within(low, high, read_decimal)
        case types.String(None) | types.Scope():
            return read_string
        case types.String(choices):
            return _chosen(choices or ())
        case types.Address():
            return read_address
        case types.Network():
            return read_network
        case types.Time():
            return read_time
        case types.Duration():
            return read_duration
        case types.SetOf(types.String(None) | types.Scope()):
            return read_string_set
        case types.SetOf(element):  # pragma: no branch - every type has its case
            return _members(reader(element))


def read_value(declared: types.Type, raw: object) -> Value | None:
    """The value of `raw` as the declared type, or None where it is unknown."""
    return reader(declared)(raw)  # type: ignore[no-any-return]


def format_instant(milliseconds: int) -> str:
    """RFC 3339 text, in UTC, of an instant within the years 1 to 9999; milliseconds only where there are some."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds").replace("+00:00", "Z")


def format_duration(milliseconds: int) -> str:
    """The shortest text of a duration in the language's form."""
    if milliseconds < 0:
        return "-" + format_duration(-milliseconds)
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, milliseconds = divmod(milliseconds, _UNIT[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def sorted_values(values: Iterable[Value]) -> list[Value]:
    """Values of one type in a stable order, for output that must not depend on hashing."""
    return sorted(values, key=lambda value: (str(type(value)), value))


__all__ = [
    "EXACT",
    "InvalidOperation",
    "Value",
    "format_duration",
    "format_instant",
    "parse_duration",
    "parse_instant",
    "read_value",
    "reader",
    "sorted_values",
    "within_digits",
]
