"""P01: text that cannot be read: files, characters, literals, and words that stand where they cannot."""

from __future__ import annotations

from durwan.diagnostics import Diagnostic, Fix, Note, Span
from durwan.diagnostics.codes import mistake, quoted


def _right(span: Span, right: str | None, otherwise: str | None) -> tuple[str | None, Fix | None]:
    """The help that gives the right form, and the fix that writes it; else the general advice."""
    if right is None:
        return otherwise, None
    return f"write `{right}`", Fix(span=span, replacement=right)


# ---------------------------------------------------------------- the file


def not_utf8(span: Span, byte: int, offset: int) -> Diagnostic:
    """P0101. `byte` is the first one that is wrong, at the zero-based byte `offset` of the file."""
    message = f"the file is not UTF-8: byte 0x{byte:02X} at offset {offset}"
    return mistake("P0101", span, message, help="save the file as UTF-8")


def file_too_large(span: Span, size: int, most: int) -> Diagnostic:
    """P0102. Sizes in bytes."""
    message = f"the file has {size} bytes, and at most {most} are allowed"
    return mistake("P0102", span, message, help="split it, or raise `limits.file_bytes` in policy.yaml")


def hidden_character(span: Span, name: str) -> Diagnostic:
    """P0103. `name` is what Unicode calls it."""
    code = f"{ord(span.text[0]):04X}"
    message = f"the character U+{code} ({name}) hides from a reviewer"
    advice = f"remove it, or write `\\u{{{code}}}` where a string needs it"
    return mistake("P0103", span, message, help=advice, fix=Fix(span=span, replacement=""))


def byte_order_mark(span: Span) -> Diagnostic:
    """P0103."""
    message = "the file begins with a byte order mark"
    return mistake("P0103", span, message, help="save it without one", fix=Fix(span=span, replacement=""))


def carriage_return(span: Span) -> Diagnostic:
    """P0103."""
    message = "a carriage return stands inside a line"
    return mistake("P0103", span, message, help="end lines with a line feed", fix=Fix(span=span, replacement="\n"))


def too_many_mistakes(span: Span, most: int) -> Diagnostic:
    """P0104."""
    message = f"the file has more than {most} mistakes"
    return mistake("P0104", span, message, help="the rest of it was not read; repair the first ones")


# ---------------------------------------------------------------- characters and words


_CHARACTERS = {
    ";": "declarations need nothing between them",
    "/": "there is no division: multiply, as in `x * 0.5`",
    "%": "there is no remainder",
    "[": "lists stand in braces, `{ ... }`",
    "]": "lists stand in braces, `{ ... }`",
    ".": "a path has no spaces around its points, as in `key.scopes`",
    "@": "names are written without it",
    "$": "names are written without it",
}


def unknown_character(span: Span) -> Diagnostic:
    """P0105."""
    message = f"{quoted(span.text)} is not part of the language"
    return mistake("P0105", span, message, help=_CHARACTERS.get(span.text[0]))


def single_quotes(span: Span) -> Diagnostic:
    """P0106."""
    inner = span.text.strip("'")
    fix = None if '"' in inner or "\\" in inner else Fix(span=span, replacement=f'"{inner}"')
    return mistake("P0106", span, "a string stands in single quotes", help="use double quotes", fix=fix)


def malformed_name(span: Span, right: str | None) -> Diagnostic:
    """P0107. `right` is the name in the form it should have, where there is one."""
    text, fix = _right(span, right, "names have letters a to z, digits and `_`, and begin with a letter")
    return mistake("P0107", span, f"{quoted(span.text)} is not a name", help=text, fix=fix)


def reserved_word(span: Span) -> Diagnostic:
    """P0108."""
    message = f"{quoted(span.text)} is a word of the language and cannot be a name"
    return mistake("P0108", span, message, help="choose another name")


# ---------------------------------------------------------------- strings


def unterminated_string(span: Span) -> Diagnostic:
    """P0109."""
    return mistake("P0109", span, "the string has no end", help='a string ends with `"` on the line where it began')


def bad_escape(span: Span) -> Diagnostic:
    """P0110."""
    advice = 'the escapes are `\\"`, `\\\\`, `\\n`, `\\t` and `\\u{1F600}`; after `like` also `\\*`, a star'
    return mistake("P0110", span, f"{quoted(span.text)} is not an escape", help=advice)


def star_after_backslash(span: Span) -> Diagnostic:
    """P0111."""
    advice = "leave the backslash to the star, which matches it too"
    return mistake("P0111", span, "a pattern cannot ask for a backslash right before a star", help=advice)


def string_too_long(span: Span, size: int, most: int) -> Diagnostic:
    """P0112. Sizes in bytes of UTF-8."""
    message = f"the string has {size} bytes, and at most {most} are allowed"
    return mistake("P0112", span, message, help="shorten it, or raise `limits.string_bytes` in policy.yaml")


# ---------------------------------------------------------------- numbers, durations, times


def malformed_number(span: Span, right: str | None) -> Diagnostic:
    """P0113."""
    text, fix = _right(span, right, "numbers are written as `0`, `100_000` or `0.25`")
    return mistake("P0113", span, f"{quoted(span.text)} is not a number", help=text, fix=fix)


def integer_too_large(span: Span) -> Diagnostic:
    """P0114."""
    advice = "an int lies between -9_223_372_036_854_775_808 and 9_223_372_036_854_775_807"
    return mistake("P0114", span, f"{quoted(span.text)} does not fit into 64 bits", help=advice)


def decimal_too_long(span: Span) -> Diagnostic:
    """P0115."""
    advice = "a decimal has at most 18 digits before and 18 after the point"
    return mistake("P0115", span, f"{quoted(span.text)} has too many digits", help=advice)


def malformed_duration(span: Span, right: str | None) -> Diagnostic:
    """P0116."""
    text, fix = _right(span, right, "durations are written as `250ms`, `30s`, `15m`, `8h`, `90d` or `1h30m`")
    return mistake("P0116", span, f"{quoted(span.text)} is not a duration", help=text, fix=fix)


def duration_too_long(span: Span) -> Diagnostic:
    """P0117."""
    message = f"the duration {quoted(span.text)} is too long"
    return mistake("P0117", span, message, help="a duration is at most 106_751_991_167 days")


def malformed_instant(span: Span, why: str, right: str | None) -> Diagnostic:
    """P0118. `why` says what is wrong with it."""
    text, fix = _right(span, right, "instants are written as `2026-12-24T00:00:00Z` or `2026-12-24T01:00:00+01:00`")
    return mistake("P0118", span, f"{quoted(span.text)} is not an instant: {why}", help=text, fix=fix)


def date_alone(span: Span) -> Diagnostic:
    """P0119."""
    text, fix = _right(span, f"{span.text}T00:00:00Z", None)
    return mistake("P0119", span, f"the date {quoted(span.text)} alone is not an instant", help=text, fix=fix)


def malformed_clock(span: Span, right: str | None) -> Diagnostic:
    """P0120."""
    text, fix = _right(span, right, "clocks are written as `08:00` or `23:59:30`, from `00:00` to `24:00`")
    return mistake("P0120", span, f"{quoted(span.text)} is not a clock", help=text, fix=fix)


def end_of_day_as_start(span: Span) -> Diagnostic:
    """P0121."""
    text, fix = _right(span, "00:00", None)
    return mistake("P0121", span, f"{quoted(span.text)} can only be an end", help=text, fix=fix)


def malformed_date(span: Span, right: str | None) -> Diagnostic:
    """P0122."""
    text, fix = _right(span, right, "dates are written as `2026-12-24`")
    return mistake("P0122", span, f"{quoted(span.text)} is not a date", help=text, fix=fix)


# ---------------------------------------------------------------- addresses and networks


def malformed_address(span: Span, why: str, right: str | None) -> Diagnostic:
    """P0123. `why` says what is wrong with it."""
    text, fix = _right(span, right, "addresses are written as `203.0.113.7` or `2001:db8::7`")
    return mistake("P0123", span, f"{quoted(span.text)} is not an address: {why}", help=text, fix=fix)


def malformed_network(span: Span, why: str, right: str | None) -> Diagnostic:
    """P0124. `why` says what is wrong with it."""
    text, fix = _right(span, right, "networks are written as `203.0.113.0/24` or `2001:db8::/32`")
    return mistake("P0124", span, f"{quoted(span.text)} is not a network: {why}", help=text, fix=fix)


def host_bits(span: Span, right: str) -> Diagnostic:
    """P0125."""
    text, fix = _right(span, right, None)
    return mistake("P0125", span, f"{quoted(span.text)} has bits set beyond its prefix", help=text, fix=fix)


def netmask(span: Span, right: str | None) -> Diagnostic:
    """P0126."""
    text, fix = _right(span, right, "networks are written with a prefix, as `203.0.113.0/24`")
    return mistake("P0126", span, f"{quoted(span.text)} has a mask where the prefix belongs", help=text, fix=fix)


def mapped_network(span: Span, right: str | None) -> Diagnostic:
    """P0127."""
    text, fix = _right(span, right, "an IPv4-mapped address is its IPv4 address: write the IPv4 network")
    return mistake("P0127", span, f"{quoted(span.text)} is a network of IPv4-mapped addresses", help=text, fix=fix)


def zone_id(span: Span, right: str | None) -> Diagnostic:
    """P0128."""
    text, fix = _right(span, right, "leave it out")
    message = f"{quoted(span.text)} has a zone id, which means something on one machine only"
    return mistake("P0128", span, message, help=text, fix=fix)


# ---------------------------------------------------------------- words in the wrong place


def unexpected(span: Span, expected: str, found: str, advice: str | None = None) -> Diagnostic:
    """P0131. `expected` and `found` in plain words, such as "a name" and "`{`" or "the end of the file"."""
    return mistake("P0131", span, f"expected {expected}, found {found}", help=advice)


def misspelt(span: Span, right: str, expected: str) -> Diagnostic:
    """P0132. `right` is the word that could stand here."""
    fix = Fix(span=span, replacement=right)
    message = f"expected {expected}, found {quoted(span.text)}"
    return mistake("P0132", span, message, help=f"did you mean `{right}`?", fix=fix)


def foreign_sign(span: Span, right: str) -> Diagnostic:
    """P0133. `right` is how this language writes it."""
    text, fix = _right(span, right, None)
    return mistake("P0133", span, f"{quoted(span.text)} does not belong here", help=text, fix=fix)


def missing_punctuation(span: Span, missing: str, found: str) -> Diagnostic:
    """P0134. The span is that of what was `found` instead, in plain words."""
    before = len(span.source.text[: span.start].rstrip())
    fix = Fix(span=Span(span.source, before, before), replacement=missing if missing == "," else f" {missing}")
    return mistake("P0134", span, f"expected `{missing}`, found {found}", help=f"put `{missing}` before it", fix=fix)


def unclosed(span: Span, closing: str) -> Diagnostic:
    """P0135. The span is that of the bracket that is left open."""
    return mistake("P0135", span, f"this {quoted(span.text)} is never closed", help=f"close it with `{closing}`")


def nested_too_deep(span: Span, most: int) -> Diagnostic:
    """P0136."""
    advice = "name parts of it with `let`"
    return mistake("P0136", span, f"the nesting is deeper than {most} levels", help=advice)


def chained_comparison(span: Span, right: str | None) -> Diagnostic:
    """P0137. `right` says the same without a chain."""
    text, fix = _right(span, right, "join two comparisons with `and`")
    return mistake("P0137", span, "comparisons do not chain", help=text, fix=fix)


def detached_minus(span: Span, right: str) -> Diagnostic:
    """P0138."""
    text, fix = _right(span, right, None)
    return mistake("P0138", span, "the minus sign stands apart from its number", help=text, fix=fix)


# ---------------------------------------------------------------- clauses and lists


def clause_out_of_order(span: Span, clause: str, later: str, order: str) -> Diagnostic:
    """P0139. `clause` has to stand before `later`; `order` lists all clauses of this declaration."""
    return mistake("P0139", span, f"`{clause}` has to stand before `{later}`", help=f"the order is {order}")


def clause_twice(span: Span, clause: str, first: Span, joined: str) -> Diagnostic:
    """P0140. `joined` says how to say both in one."""
    note = Note(message=f"the first `{clause}` is here", span=first)
    return mistake("P0140", span, f"`{clause}` stands here twice", help=joined, notes=(note,))


def clause_not_here(span: Span, clause: str, declaration: str, order: str) -> Diagnostic:
    """P0141. `declaration` is "an allow", "a limit"; `order` lists the clauses that it may have."""
    return mistake("P0141", span, f"{declaration} has no `{clause}`", help=f"its clauses are {order}")


def clause_missing(span: Span, clause: str, declaration: str, example: str) -> Diagnostic:
    """P0142."""
    return mistake("P0142", span, f"{declaration} needs `{clause}`", help=f"for example `{example}`")


def empty_list(span: Span, what: str) -> Diagnostic:
    """P0143. `what` is "network" or "set"."""
    return mistake("P0143", span, f"the {what} {quoted(span.text)} has nothing in it", help="leave it out, or fill it")


def wrong_entry(span: Span, what: str, entries: str, right: str | None = None) -> Diagnostic:
    """P0144. `what` is "network" or "set", `entries` what it holds."""
    text, fix = _right(span, right, None)
    return mistake("P0144", span, f"a {what} holds {entries}, not {quoted(span.text)}", help=text, fix=fix)


def list_without_braces(span: Span, right: str) -> Diagnostic:
    """P0145."""
    text, fix = _right(span, right, None)
    return mistake("P0145", span, "a list stands in braces", help=text, fix=fix)


def quantifier_missing(span: Span) -> Diagnostic:
    """P0146. The span is that of the list after `has`."""
    advice = "write `has any of`, `has all of` or `has at least 2 of`"
    return mistake("P0146", span, "`has` needs to know how many of a list", help=advice)


def comma_after_includes(span: Span) -> Diagnostic:
    """P0147. The span is that of the name after the comma."""
    message = f"{quoted(span.text)} is read as included, because a comma continues the list after `includes`"
    return mistake("P0147", span, message, help="leave out the comma before it")


def not_a_plain_number(span: Span, what: str) -> Diagnostic:
    """P0148. `what` is "a range" or "the count of a limit"."""
    return mistake("P0148", span, f"{what} is made of numbers, not of the duration {quoted(span.text)}")
