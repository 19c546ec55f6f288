"""From a literal's text to its node. A malformed one is a mistake; the node then holds any value of its kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import ip_network

from durwan.diagnostics import Diagnostic, Span
from durwan.language import syntax
from durwan.language.mistakes import text as mistakes
from durwan.model.address import AddressRange, format_address, parse_address, parse_network
from durwan.model.types import INT64_MAX
from durwan.model.values import parse_duration, parse_instant

Report = Callable[[Diagnostic], None]

_INT = re.compile(r"(?:0|[1-9][0-9]*)(?:_[0-9]+)*", re.ASCII)
_FRACTION = re.compile(r"[0-9]+(?:_[0-9]+)*", re.ASCII)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{2}))?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
# Far more digits than any number may have, far fewer than what makes int() slow.
_MOST_DIGITS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock(syntax.Node):
    """`08:00`, in milliseconds since midnight."""

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Date(syntax.Node):
    """`2026-12-24`, as it is written; whether the calendar has it is not asked here."""

    value: str


# ---------------------------------------------------------------- numbers


def read_int(text: str, span: Span, report: Report) -> syntax.Int:
    """The number without regard to the 64 bits, which can only be told with its sign: see `bounded`."""
    if not _INT.fullmatch(text):
        report(mistakes.malformed_number(span, _right_number(text)))
        return syntax.Int(span=span, value=0)
    digits = text.replace("_", "")
    return syntax.Int(span=span, value=int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS)


def bounded(number: syntax.Int, report: Report) -> syntax.Int:
    """The number, where 64 bits hold it."""
    if -INT64_MAX - 1 <= number.value <= INT64_MAX:
        return number
    report(mistakes.integer_too_large(number.span))
    return syntax.Int(span=number.span, value=0)


def read_decimal(text: str, span: Span, report: Report) -> syntax.Number:
    """A decimal of at most 18 digits before and 18 after the point, as written."""
    whole, _, fraction = text.partition(".")
    if not _INT.fullmatch(whole) or not _FRACTION.fullmatch(fraction):
        report(mistakes.malformed_number(span, _right_number(text)))
        return syntax.Number(span=span, value=Decimal(0))
    whole, fraction = whole.replace("_", ""), fraction.replace("_", "")
    if len(whole) > 18 or len(fraction) > 18:
        report(mistakes.decimal_too_long(span))
        return syntax.Number(span=span, value=Decimal(0))
    return syntax.Number(span=span, value=Decimal(f"{whole}.{fraction}"))


def _right_number(text: str) -> str | None:
    """The form that a malformed number should have had, where it can be told."""
    if len(text) > _MOST_DIGITS:
        return None
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+", text):
        return str(int(text, 0))
    if exponent := re.fullmatch(r"([0-9]+)[eE]([0-9]{1,2})", text):
        return str(int(exponent[1]) * 10 ** int(exponent[2]))
    if not re.fullmatch(r"[0-9_]*\.?[0-9_]*", text):
        return None
    whole, point, fraction = text.partition(".")
    whole, fraction = (re.sub(r"__+", "_", part).strip("_") for part in (whole, fraction))
    whole = whole.lstrip("0_") or "0"
    return f"{whole}.{fraction or 0}" if point else whole


# ---------------------------------------------------------------- durations and times


def read_duration(text: str, span: Span, report: Report) -> syntax.Duration:
    """A duration, in milliseconds."""
    value = parse_duration(text)
    if value is None:
        shape = re.fullmatch(r"(?:[0-9]+(?:ms|s|m|h|d))+", text, re.ASCII)
        report(mistakes.duration_too_long(span) if shape else mistakes.malformed_duration(span, _right_duration(text)))
    return syntax.Duration(span=span, value=value or 0)


_UNITS = {"sec": "s", "secs": "s", "min": "m", "mins": "m", "hr": "h", "hrs": "h", "day": "d", "days": "d"}


def _right_duration(text: str) -> str | None:
    text = text.replace("_", "")
    match = re.fullmatch(r"([0-9]{1,9})([A-Za-z]+)", text, re.ASCII)
    if match is None:
        return text if parse_duration(text) is not None else None
    count, unit = match[1], match[2].lower()
    if unit in {"w", "wk", "week", "weeks"}:
        return f"{int(count) * 7}d"
    # An `M` may have meant minutes, months or millions.
    right = count + (match[2] if match[2] == "M" else _UNITS.get(unit, unit))
    return right if parse_duration(right) is not None else None


def read_instant(text: str, span: Span, report: Report) -> syntax.Instant:
    """An instant, in milliseconds since the epoch."""
    value = parse_instant(text)
    if value is None:
        report(mistakes.malformed_instant(span, *_instant_trouble(text)))
    return syntax.Instant(span=span, value=value or 0)


def _instant_trouble(text: str) -> tuple[str, str | None]:
    spaced = " " in text
    day, _, rest = text.upper().replace(" ", "T").partition("T")
    if not _DATE.fullmatch(day) or parse_instant(f"{day}T00:00Z") is None:
        return "there is no such day", None
    if re.fullmatch(r"[0-9:.,]*", rest):
        right = f"{day}T{rest}Z"
        return "it has no offset from UTC", right if parse_instant(right) is not None else None
    if spaced:
        right = f"{day}T{rest}"
        return "a `T` stands between date and time", right if parse_instant(right) is not None else None
    if re.match(r"[0-9]{2}:[0-9]{2}:60", rest):
        return "a minute has the seconds 00 to 59", None
    if rest.startswith("24:00"):
        return "the day ends before 24:00", None
    compact = re.fullmatch(r"(.*[+-][0-9]{2})([0-9]{2})?", rest)
    if compact:
        right = f"{day}T{compact[1]}:{compact[2] or '00'}"
        if parse_instant(right) is not None:
            return "its offset has no colon", right
    return "its time cannot be read", None


def read_date(text: str, span: Span, report: Report) -> Date:
    """A date as written."""
    if not _DATE.fullmatch(text):
        year, month, day = text.split("-")
        right = f"{year}-{month:0>2}-{day:0>2}" if len(year) == 4 else None
        report(mistakes.malformed_date(span, right))
    return Date(span=span, value=text)


def read_clock(text: str, span: Span, report: Report) -> Clock:
    """A clock, in milliseconds since midnight."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        report(mistakes.malformed_clock(span, None))
        return Clock(span=span, value=0)
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
    right = f"{hours:02}:{minutes:02}" + (f":{match[3]}" if match[3] else "")
    end_of_day = hours == 24 and minutes == seconds == 0
    if end_of_day and match[3]:
        right = "24:00"
    if not end_of_day and (hours > 23 or minutes > 59 or seconds > 59):
        report(mistakes.malformed_clock(span, None))
    elif right != text:
        report(mistakes.malformed_clock(span, right))
    return Clock(span=span, value=((hours * 60 + minutes) * 60 + seconds) * 1000)


# ---------------------------------------------------------------- addresses and networks


def read_address(text: str, span: Span, report: Report) -> syntax.Address:
    """An address, packed."""
    packed = parse_address(text)
    if packed is None:
        _address_trouble(span, report)
    return syntax.Address(span=span, value=packed or bytes(4))


def _address_trouble(span: Span, report: Report) -> None:
    text = span.text
    right = _right_address(text)
    if "%" in text:
        report(mistakes.zone_id(span, right))
        return
    why = "it has leading zeros" if right is not None else _shape_trouble(text)
    report(mistakes.malformed_address(span, why, right))


def _right_address(text: str) -> str | None:
    """The address without zone id and leading zeros, where that makes it one."""
    right = re.sub(r"(?<![0-9A-Fa-f])0+(?=[0-9])", "", text.partition("%")[0])
    return right if parse_address(right) is not None else None


def _shape_trouble(text: str) -> str:
    if ":" in text:
        return "it is not in the form of IPv6"
    return "it needs four numbers from 0 to 255"


def read_network(text: str, span: Span, report: Report) -> syntax.Network:
    """A network, as the range of its addresses."""
    found = parse_network(text)
    if found is None:
        report(_network_trouble(span))
        found = AddressRange(bytes(4), bytes(4))
    return syntax.Network(span=span, value=found)


def _network_trouble(span: Span) -> Diagnostic:
    address, _, prefix = span.text.partition("/")
    packed = parse_address(address)
    if "%" in span.text:
        return mistakes.zone_id(span, _right_network(_right_address(address), prefix))
    if packed is None:
        right = _right_network(_right_address(address) or _padded(address), prefix)
        why = "its address has leading zeros" if _right_address(address) else _shape_trouble(address)
        return mistakes.malformed_network(span, why, right)
    if "." in prefix or ":" in prefix:
        return mistakes.netmask(span, _right_network(address, prefix))
    if not re.fullmatch(r"[0-9]{1,9}", prefix):
        return mistakes.malformed_network(span, "its prefix is not a number", None)
    return _prefix_trouble(span, address, packed, prefix)


def _prefix_trouble(span: Span, address: str, packed: bytes, prefix: str) -> Diagnostic:
    if ":" in address and len(packed) == 4:
        right = _right_network(format_address(packed), str(int(prefix) - 96)) if int(prefix) >= 96 else None
        return mistakes.mapped_network(span, right)
    right = _right_network(address, prefix)
    if right is None:
        return mistakes.malformed_network(span, f"its prefix is longer than {len(packed) * 8} bits", None)
    if prefix != str(int(prefix)):
        return mistakes.malformed_network(span, "its prefix has leading zeros", right)
    return mistakes.host_bits(span, right)


def _right_network(address: str | None, prefix: str) -> str | None:
    """The network of this address and prefix, or mask, without host bits; None where there is none."""
    if address is None:
        return None
    if prefix.isdigit():
        prefix = prefix.lstrip("0") or "0"
    try:
        return str(ip_network(f"{address}/{prefix}", strict=False))
    except ValueError:
        return None


def _padded(address: str) -> str | None:
    """`10` or `10.1` with the zeros that make it an address, for `10/8`."""
    right = address + ".0" * (3 - address.count("."))
    return right if ":" not in address and parse_address(right) is not None else None


# ---------------------------------------------------------------- strings

_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|(u\{[^}\"]*\}?|.))", re.DOTALL)
_LONGEST_ESCAPE = len("\\u{000041}")
_SIMPLE = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}


def read_string(text: str, span: Span, most: int, pattern: bool, report: Report) -> syntax.String:
    r"""A string of at most `most` bytes; in a `pattern`, `\*` stays as it is written."""
    if len(text) < 2 or not text.endswith('"') or _ends_in_escape(text):
        report(mistakes.unterminated_string(span))
        return syntax.String(span=span, value="")
    inner = text[1:-1]
    if len(inner) > most * _LONGEST_ESCAPE:
        report(mistakes.string_too_long(span, len(inner), most))
        return syntax.String(span=span, value="")
    value = _unescaped(inner, span, pattern, report) if "\\" in inner else inner
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > most:
        report(mistakes.string_too_long(span, size, most))
        return syntax.String(span=span, value="")
    return syntax.String(span=span, value=value)


def _ends_in_escape(text: str) -> bool:
    before = text[:-1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _unescaped(inner: str, span: Span, pattern: bool, report: Report) -> str:
    parts: list[str] = []
    position = 0
    for match in _ESCAPE.finditer(inner):
        parts.append(inner[position : match.start()])
        position = match.end()
        here = Span(span.source, span.start + 1 + match.start(), span.start + 1 + match.end())
        read = _escape(match, pattern)
        if read is None:
            report(mistakes.bad_escape(here))
            continue
        if pattern and read == "\\" and inner.startswith("*", position):
            report(mistakes.star_after_backslash(here))
        parts.append(read)
    parts.append(inner[position:])
    return "".join(parts)


def _escape(match: re.Match[str], pattern: bool) -> str | None:
    """What an escape stands for, or None where it is none; surrogates are no characters."""
    if match[1] is not None:
        code = int(match[1], 16)
        return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else None
    if match[2] == "*" and pattern:
        return "\\*"
    return _SIMPLE.get(match[2])


READERS: dict[str, Callable[[str, Span, Report], syntax.Node]] = {
    "INT_LITERAL": read_int,
    "DECIMAL_LITERAL": read_decimal,
    "DURATION_LITERAL": read_duration,
    "INSTANT_LITERAL": read_instant,
    "DATE_LITERAL": read_date,
    "CLOCK_LITERAL": read_clock,
    "ADDRESS_LITERAL": read_address,
    "NETWORK_LITERAL": read_network,
}
