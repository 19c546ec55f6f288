"""The registry of codes: one row for every mistake that can be reported.

A code never changes its meaning and is never used again. Each has a page beside this file (`pages/P0201.md`), which
`policy-check explain P0201` prints, and one function that makes its diagnostic, in `durwan/language/mistakes/` (for
YAML as such beside this file, for key files in `durwan/credentials/`, for test files in `durwan/workshop/`, for files
of routes in `durwan/routing/`, for servers in `durwan/gateways/serving/`). Sections: P01 text, P02 names, P03 types and
values, P04 rules, P05 files, P06 time, P07 warnings, P08 test files, P09 routes, P10 servers. Rows are sorted by code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from durwan.diagnostics.diagnostic import Diagnostic, Fix, Note, Severity
from durwan.diagnostics.source import Span


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of mistake: its stable code, a short name, how bad it is, and what it is in one sentence."""

    code: str
    name: str
    severity: Severity
    summary: str

    @property
    def page(self) -> str:
        """The Markdown text that explains it."""
        return files("durwan.diagnostics").joinpath("pages", f"{self.code}.md").read_text(encoding="utf-8")


_TEXT: tuple[Code, ...] = (
    Code("P0101", "not-utf8", "error", "A file is not UTF-8 text."),
    Code("P0102", "file-too-large", "error", "A file is larger than its limit."),
    Code("P0103", "hidden-character", "error", "A character hides from a reviewer, or hides what stands beside it."),
    Code("P0104", "too-many-mistakes", "error", "A file has more mistakes than are reported."),
    Code("P0105", "unknown-character", "error", "A character is not part of the language."),
    Code("P0106", "single-quotes", "error", "A string stands in single quotes."),
    Code("P0107", "malformed-name", "error", "A name has other characters than small letters, digits and underscores."),
    Code("P0108", "reserved-word", "error", "A word of the language is used as a name."),
    Code("P0109", "unterminated-string", "error", "A string does not end on the line where it begins."),
    Code("P0110", "bad-escape", "error", "A backslash in a string begins no escape."),
    Code("P0111", "star-after-backslash", "error", "A pattern asks for a backslash right before a star."),
    Code("P0112", "string-too-long", "error", "A string is longer than its limit."),
    Code("P0113", "malformed-number", "error", "A number is not written as numbers are."),
    Code("P0114", "integer-too-large", "error", "A whole number does not fit into 64 bits."),
    Code("P0115", "decimal-too-long", "error", "A decimal has more than 18 digits before or after the point."),
    Code("P0116", "malformed-duration", "error", "A duration is not written as durations are."),
    Code("P0117", "duration-too-long", "error", "A duration does not fit into 64 bits of milliseconds."),
    Code("P0118", "malformed-instant", "error", "An instant is not written as instants are, or does not exist."),
    Code("P0119", "date-alone", "error", "A date without a time stands where an instant belongs."),
    Code("P0120", "malformed-clock", "error", "A time of day is not written as clocks are, or does not exist."),
    Code("P0121", "end-of-day-as-start", "error", "A span of the day starts at `24:00`."),
    Code("P0122", "malformed-date", "error", "A date is not written as dates are."),
    Code("P0123", "malformed-address", "error", "An address is not written as addresses are."),
    Code("P0124", "malformed-network", "error", "A network is not written as networks are."),
    Code("P0125", "host-bits", "error", "A network has bits set beyond its prefix."),
    Code("P0126", "netmask", "error", "A network is written with a mask instead of a prefix."),
    Code("P0127", "mapped-network", "error", "A network is one of IPv4-mapped IPv6 addresses."),
    Code("P0128", "zone-id", "error", "An address has a zone id."),
    Code("P0131", "unexpected", "error", "Something stands where the language expects something else."),
    Code("P0132", "misspelt", "error", "A word is spelt nearly like one that could stand there."),
    Code("P0133", "foreign-sign", "error", "A sign is written as in another language."),
    Code("P0134", "missing-punctuation", "error", "A sign is missing between two things."),
    Code("P0135", "unclosed", "error", "A bracket is never closed."),
    Code("P0136", "nested-too-deep", "error", "Something nests deeper than its limit."),
    Code("P0137", "chained-comparison", "error", "Comparisons or tests are chained."),
    Code("P0138", "detached-minus", "error", "A minus sign stands apart from its number."),
    Code("P0139", "clause-out-of-order", "error", "A clause stands after one that it has to precede."),
    Code("P0140", "clause-twice", "error", "A clause is given twice."),
    Code("P0141", "clause-not-here", "error", "A declaration has a clause that its kind does not have."),
    Code("P0142", "clause-missing", "error", "A declaration lacks a clause that it cannot do without."),
    Code("P0143", "empty-list", "error", "A network or set is declared with nothing in it."),
    Code("P0144", "wrong-entry", "error", "A network or set has an entry of another kind."),
    Code("P0145", "list-without-braces", "error", "A single literal stands where a list in braces belongs."),
    Code("P0146", "quantifier-missing", "error", "`has` stands before a list without `any of`, `all of` or a number."),
    Code("P0147", "comma-after-includes", "error", "A comma makes the next scope an included one."),
    Code("P0148", "not-a-plain-number", "error", "A duration stands where a number belongs."),
)

_NAMES: tuple[Code, ...] = (
    Code("P0201", "unknown-attribute", "error", "An attribute is used that no context declares."),
    Code("P0202", "unknown-name", "error", "A name is used as a value, and nothing of this name is declared."),
    Code("P0203", "unknown-action", "error", "A rule, limit or invariant is about an action that is not declared."),
    Code("P0204", "pattern-matches-nothing", "error", "An action pattern matches no declared action."),
    Code("P0205", "unknown-scope", "error", "A scope is used that is not declared."),
    Code("P0206", "unknown-collection", "error", "A set, network or window is used that is not declared."),
    Code("P0207", "wrong-kind", "error", "A declared name stands where another kind of thing is asked for."),
    Code("P0208", "duplicate-name", "error", "Two lets, sets, networks or windows have the same name."),
    Code("P0209", "duplicate-attribute", "error", "An attribute is declared twice."),
    Code("P0210", "duplicate-action", "error", "An action is declared twice."),
    Code("P0211", "duplicate-scope", "error", "A scope is declared twice, or includes the same scope twice."),
    Code("P0212", "duplicate-rule", "error", "Two rules or limits, or two invariants, have the same name."),
    Code("P0213", "let-cycle", "error", "A let is defined by itself."),
    Code("P0214", "scope-cycle", "error", "A scope includes itself."),
    Code("P0215", "not-narrower", "error", "A prelude attribute is restated with a type that is not narrower."),
    Code("P0216", "lets-too-deep", "error", "Lets that stand for lets go too deep."),
    Code("P0217", "lets-too-large", "error", "A condition is too large once its lets are written out."),
    Code("P0218", "reserved-context", "error", "A context has the name of another part of a request."),
)

_KINDS: tuple[Code, ...] = (
    Code("P0301", "not-a-condition", "error", "A value stands where a condition is asked for."),
    Code("P0302", "not-comparable", "error", "The two sides of a comparison have types that do not compare."),
    Code("P0303", "not-ordered", "error", "A type that has no order is compared with `<`, `<=`, `>` or `>=`."),
    Code("P0304", "bad-arithmetic", "error", "The operands of `+`, `-` or `*` do not go together."),
    Code("P0305", "product-without-literal", "error", "Two things are multiplied, and neither is a literal."),
    Code("P0306", "never-true", "error", "A declared range or closed set makes a test never true."),
    Code("P0307", "always-true", "error", "A declared range or closed set makes a test always true."),
    Code("P0308", "outside-type", "error", "A literal lies outside the closed set or range it is compared with."),
    Code("P0309", "wrong-member", "error", "A member of a literal set does not have the type that is asked for."),
    Code("P0310", "wrong-collection", "error", "The left side of `in` has a type that the right side cannot contain."),
    Code("P0311", "has-without-set", "error", "The left side of `has` is not a set."),
    Code("P0312", "like-without-string", "error", "The left side of `like` is not a string."),
    Code("P0313", "known-without-attribute", "error", "Something else than an attribute is tested for being known."),
    Code(
        "P0314", "wrong-default", "error", "The literal after `default` does not have the type of what it stands for."
    ),
    Code("P0315", "default-outside-type", "error", "The literal after `default` lies outside a range or closed set."),
    Code("P0316", "bare-collection", "error", "A set, network or window stands where a value is asked for."),
    Code("P0317", "bare-network", "error", "A network literal stands where a value is asked for."),
    Code("P0318", "bare-scope", "error", "A scope stands where no scope is asked for."),
    Code("P0319", "empty-range", "error", "A declared range has no value in it."),
    Code("P0320", "wrong-bound", "error", "A bound of a range does not have the type of the range."),
    Code("P0321", "duplicate-choice", "error", "A closed set names the same string twice."),
    Code("P0322", "wrong-element", "error", "A set is declared of a type that sets cannot hold."),
    Code("P0323", "mixed-members", "error", "The members of a set have different types."),
    Code("P0324", "count-out-of-reach", "error", "The number after `at least` is not between one and the set's size."),
)

_RULES: tuple[Code, ...] = (
    Code("P0401", "status-not-allowed", "error", "The status of an answer is not one of those a rule may give."),
    Code("P0402", "duplicate-obligation", "error", "An obligation is given twice."),
    Code("P0403", "approvers-not-strings", "error", "Approvals are asked of a set that does not hold strings."),
    Code("P0404", "approvals-out-of-reach", "error", "More approvals are asked for than the set has members, or none."),
    Code("P0405", "limit-not-positive", "error", "The count or period of a limit is not positive."),
    Code("P0406", "cost-not-a-number", "error", "The cost of a limit is not a number."),
    Code("P0407", "cost-out-of-reach", "error", "The cost of a limit is never positive, or always above its count."),
    Code("P0408", "per-not-single", "error", "A limit counts per something that is not one single value."),
    Code("P0409", "duplicate-per", "error", "A limit counts per the same attribute twice."),
    Code("P0410", "remedy-not-positive", "error", "The age that a second factor may have is not positive."),
    Code("P0411", "too-many-rules", "error", "The policy set has more rules than its limit."),
)

_FILES: tuple[Code, ...] = (
    Code("P0501", "yaml-not-utf8", "error", "A YAML file is not UTF-8 text."),
    Code("P0502", "yaml-too-large", "error", "A YAML file is larger than files may be."),
    Code("P0503", "yaml-hidden-character", "error", "A YAML file has a character that a reviewer cannot see."),
    Code("P0504", "yaml-syntax", "error", "A file is not YAML."),
    Code("P0505", "yaml-duplicate-key", "error", "A mapping has the same key twice."),
    Code("P0506", "yaml-alias", "error", "An anchor, alias or merge key stands where none may."),
    Code("P0507", "yaml-tag", "error", "A value has a tag."),
    Code("P0508", "yaml-key-not-text", "error", "The key of a mapping is not text."),
    Code("P0509", "yaml-too-deep", "error", "Lists and mappings are nested too deep."),
    Code("P0510", "yaml-too-many-values", "error", "Aliases stand for too many values."),
    Code("P0511", "yaml-second-document", "error", "A YAML file has more than one document."),
    Code("P0512", "yaml-unknown-anchor", "error", "An alias refers to no anchor above it."),
    Code("P0513", "yaml-bad-merge", "error", "Something else than a mapping is merged."),
    Code("P0514", "yaml-more-mistakes", "error", "A YAML file has more mistakes than are shown."),
    Code("P0515", "json-syntax", "error", "A file is not JSON, or JSON that parsers read in different ways."),
    Code("P0521", "manifest-unknown-field", "error", "The manifest has a field that there is not."),
    Code("P0522", "manifest-wrong-value", "error", "A field of the manifest has a value that it cannot have."),
    Code("P0523", "manifest-unknown-language", "error", "The manifest asks for a language version that there is not."),
    Code("P0524", "manifest-bad-path", "error", "A path in the manifest leads out of the policy set, or nowhere."),
    Code("P0525", "manifest-file-missing", "error", "The manifest names a file that the policy set does not have."),
    Code("P0526", "set-too-large", "error", "The files of a policy set are larger together than they may be."),
    Code("P0527", "manifest-bad-name", "error", "A name in the manifest has characters that names do not have."),
    Code("P0541", "key-unknown-field", "error", "A key file has a field that there is not."),
    Code("P0542", "key-without-id", "error", "A key has no id."),
    Code("P0543", "key-duplicate-id", "error", "Two keys have the same id."),
    Code("P0544", "key-wrong-value", "error", "A field of a key has a value that it cannot have."),
    Code("P0545", "key-bad-time", "error", "A time of a key is not an instant."),
    Code("P0546", "key-bad-network", "error", "A network of a key is not an address or a network."),
    Code("P0547", "key-secret", "error", "A key file holds a secret."),
    Code("P0548", "key-file-without-keys", "error", "A key file has no list of keys."),
    Code("P0549", "key-more-mistakes", "error", "The key files have more mistakes than are shown."),
    Code("P0550", "key-unknown-scope", "error", "A key is given a scope that is not declared."),
    Code("P0561", "list-missing", "error", "A list file is not in the policy set."),
    Code("P0562", "list-too-long", "error", "A list has more entries than its limit."),
    Code("P0563", "list-more-mistakes", "error", "A list has more mistakes than are shown."),
)

_TIME: tuple[Code, ...] = (
    Code("P0601", "unknown-zone", "error", "A time zone is named that the time-zone data does not have."),
    Code("P0602", "unknown-calendar", "error", "A trading calendar is named that does not exist."),
    Code(
        "P0603", "calendars-not-installed", "error", "A trading calendar is used and the calendars are not installed."
    ),
    Code("P0604", "empty-span", "error", "A span of time ends before it begins, or as it begins."),
    Code("P0605", "bad-date", "error", "A date does not exist."),
    Code(
        "P0606", "span-too-wide", "error", "The time before or after a trading session is not between 0 and 24 hours."
    ),
    Code("P0607", "bad-calendar-file", "error", "A file of trading sessions is missing or malformed."),
)

_WARNINGS: tuple[Code, ...] = (
    Code("P0701", "constant-condition", "warning", "A condition is always, or never, true."),
    Code("P0702", "rule-never-applies", "warning", "A rule can never apply."),
    Code("P0703", "rule-never-matters", "warning", "A rule never matters, because another always decides first."),
    Code("P0704", "network-inside-network", "warning", "A network lies inside another one of the same list."),
    Code("P0705", "whole-internet", "warning", "A network holds every address."),
    Code("P0706", "unused", "warning", "Something is declared and never used."),
    Code("P0707", "action-never-allowed", "warning", "No rule allows an action."),
    Code("P0708", "unconditional-allow", "warning", "An allow rule has no condition at all."),
    Code("P0709", "untested-unknown", "warning", "An unguarded attribute is never unknown in any test."),
    Code("P0710", "past", "warning", "A span or an instant lies wholly in the past."),
    Code("P0711", "duplicate-member", "warning", "A set has the same member twice, or a rule the same action."),
    Code("P0712", "needless-default", "warning", "A `default` can never be used."),
    Code("P0713", "bad-suppression", "warning", "A suppression has no reason, or cannot be read."),
    Code("P0714", "unused-suppression", "warning", "A suppression suppresses nothing."),
    Code("P0751", "proved-never-applies", "warning", "A rule applies to no request at all, as was proved."),
    Code("P0752", "proved-never-matters", "warning", "Every request is answered alike without a rule, as was proved."),
    Code("P0753", "settled-condition", "warning", "Wherever a condition would matter, others have settled its truth."),
)

_TESTS: tuple[Code, ...] = (
    Code("P0801", "test-unknown-field", "error", "A test file has a field that does not exist."),
    Code("P0802", "test-missing-field", "error", "A case, or a part of it, leaves out a field that it needs."),
    Code("P0803", "test-wrong-type", "error", "A field of a test file has a value of the wrong type."),
    Code("P0804", "test-bad-value", "error", "A field of a test file has a value that it can never have."),
    Code("P0805", "undefined-fixture", "error", "A case uses a fixture that is not defined."),
    Code("P0806", "duplicate-fixture", "error", "A file defines a fixture that is shared by all files already."),
    Code("P0807", "unused-fixture", "warning", "A fixture is defined and used by no case."),
    Code("P0808", "empty-suite", "error", "A test file has no cases."),
    Code("P0809", "duplicate-case", "error", "Two cases of one file have the same name."),
    Code("P0810", "test-unknown-rule", "error", "A case expects a rule or limit that the policy set does not have."),
    Code("P0811", "rule-of-other-effect", "error", "A case expects a rule together with an effect it cannot have."),
    Code("P0812", "impossible-matrix", "error", "The matrix of a case cannot be written out."),
    Code("P0813", "undeclared-attribute", "warning", "A test gives an attribute that no context declares."),
    Code("P0814", "undeclared-action", "error", "A case asks for an action that is not declared, without saying so."),
    Code("P0815", "must-pass-missing", "error", "The manifest names a case that must pass, and there is none."),
    Code("P0816", "must-pass-skipped", "error", "A case that must pass is skipped."),
)

_ROUTES: tuple[Code, ...] = (
    Code("P0901", "route-wrong-value", "error", "A part of a file of routes has a value that it cannot have."),
    Code("P0902", "route-unknown-field", "error", "A file of routes has a field that there is not."),
    Code("P0903", "route-malformed", "error", "A route is not a method and a path."),
    Code("P0904", "route-without-action", "error", "A route has no action."),
    Code("P0905", "route-bad-template", "error", "The path of a route is one that no request can have."),
    Code("P0906", "route-shadowed", "error", "A route is never taken, because another always is."),
    Code(
        "P0907", "route-ambiguous", "error", "Two routes could both take a path, and nothing tells which of them does."
    ),
    Code("P0908", "route-bad-source", "error", "An attribute comes from a place that the request does not have."),
    Code("P0909", "route-unknown-type", "error", "The type of an attribute is none of the language."),
    Code("P0910", "route-unknown-action", "error", "A route asks for an action that is not declared."),
    Code("P0911", "route-unknown-attribute", "error", "A route fills in an attribute that no context declares."),
    Code("P0912", "route-other-type", "error", "A route gives an attribute another type than its declaration."),
    Code("P0913", "route-own-attribute", "error", "A request would say what the gate has to find out itself."),
    Code("P0914", "route-never-allowed", "error", "A route asks for an action that no rule allows."),
    Code("P0915", "action-without-route", "warning", "An action that a rule allows has no route."),
)

_SERVING: tuple[Code, ...] = (
    Code("P1001", "unknown-setting", "error", "The configuration of a server has a setting that there is not."),
    Code("P1002", "wrong-setting", "error", "A setting of a server has a value that it cannot have."),
    Code("P1003", "missing-setting", "error", "The configuration of a server leaves out a setting that it needs."),
    Code("P1004", "secret-in-configuration", "error", "A secret stands in the configuration of a server."),
    Code("P1005", "unsafe-setting", "error", "Settings of a server are unsafe together."),
    Code("P1006", "unresolved-setting", "error", "The configuration of a server names something that cannot be used."),
    Code("P1007", "unknown-variable", "warning", "A variable of the environment changes no setting of a server."),
)

_EVERY = (*_TEXT, *_NAMES, *_KINDS, *_RULES, *_FILES, *_TIME, *_WARNINGS, *_TESTS, *_ROUTES, *_SERVING)

CODES: Mapping[str, Code] = MappingProxyType({code.code: code for code in _EVERY})


def mistake(  # noqa: PLR0913 - a diagnostic has these parts
    code: str,
    span: Span,
    message: str,
    *,
    help: str | None = None,  # noqa: A002
    fix: Fix | None = None,
    notes: tuple[Note, ...] = (),
) -> Diagnostic:
    """The diagnostic of a registered code, with that code's severity.

    Raises:
        KeyError: if the code is not registered.
    """
    return Diagnostic(
        code=code, severity=CODES[code].severity, message=message, span=span, help=help, fix=fix, notes=notes
    )


_LONGEST_QUOTE = 80


def quoted(text: str) -> str:
    """The user's own text in back-ticks, on one line, shortened in the middle where it is long."""
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(each if each.isprintable() else f"\\u{{{ord(each):X}}}" for each in line)
    if len(line) > _LONGEST_QUOTE:
        line = f"{line[: _LONGEST_QUOTE // 2]} … {line[-_LONGEST_QUOTE // 3 :]}"
    return f"`{line}`"
