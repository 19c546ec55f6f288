"""A program from plain data. Whatever no compiler writes is refused by name; nothing raises but `PlainProgramError`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal, cast

from durwan.diagnostics import Span
from durwan.model import types
from durwan.model.decision import Remedy, RemedyKind
from durwan.model.schema import Schema
from durwan.model.types import INT64_MAX
from durwan.program import nodes
from durwan.program.plain import form
from durwan.program.plain.excerpt import Excerpt
from durwan.program.plain.expressions import ExpressionReader
from durwan.program.plain.form import PlainProgramError, entries, fields, items, name, names, text, whole
from durwan.program.plain.type_forms import read_networks, read_type
from durwan.program.plain.windows import check_zone, read_calendar, read_window
from durwan.program.program import Body, Effect, Invariant, Limit, Program, Rule, Scalar

_PROGRAM = frozenset(
    {
        "actions", "attributes", "calendars", "environment", "files", "invariants", "lets", "limits", "name",
        "networks", "rules", "scopes", "sets", "windows", "zones",
    }
)  # fmt: skip
_DECLARED = frozenset({"name", "on"})
_WHERE = frozenset({"about", "at"})
_BODY = _WHERE | {"unless", "when"}
_RULE = _DECLARED | {"effect", "reason"}
_RULE_EXTRAS = _BODY | {"code", "require", "shadow", "status", "text", "with"}
_LIMIT = _DECLARED | {"code", "cost", "count", "per", "period", "reason", "status"}
_INVARIANT = _DECLARED | {"condition", "holds"}
# What each remedy brings along.
_REMEDIES: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "mfa": (frozenset(), frozenset({"within"})),
    "approvals": (frozenset({"count", "of"}), frozenset()),
    "login": (frozenset(), frozenset()),
    "step": (frozenset({"name"}), frozenset()),
}


def read_program(plain: Any) -> Program:
    """The program that plain data stands for.

    Raises:
        PlainProgramError: it stands for none; or a time zone says something else here.
    """
    return _ProgramReader(fields(plain, "the program", _PROGRAM)).program()


class _ProgramReader:
    """Reads the parts of a program in an order in which each comes after those that it names."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self._plain = plain
        self._files = form.each_of(plain["files"], "the files", text)
        self._schema = _schema(plain)
        for zone, digests in entries(plain["zones"], "the zones").items():
            check_zone(zone, digests)
        calendars = {key: read_calendar(key, each) for key, each in entries(plain["calendars"], "calendars").items()}
        self._windows = {
            key: read_window(each, f"the window `{key}`", calendars, plain["zones"])
            for key, each in entries(plain["windows"], "the windows").items()
        }
        self._networks = {
            key: read_networks(each, f"the network `{key}`")
            for key, each in entries(plain["networks"], "the networks").items()
        }
        self._sets = {key: _set(each, f"the set `{key}`") for key, each in entries(plain["sets"], "the sets").items()}
        self._reader = ExpressionReader(self._schema, self._sets, self._networks, self._windows)
        self._lets = self._read_lets()
        # Rules of one kind repeat each other's lists of actions: each is checked once.
        self._action_lists: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._names: set[str] = set()

    def program(self) -> Program:
        """The whole program."""
        environment = entries(self._plain["environment"], "the environment")
        return Program(
            name=name(self._plain["name"], "the program's name"),
            schema=self._schema,
            rules=tuple([self._rule(order, each) for order, each in self._each("rules")]),
            limits=tuple([self._limit(order, each) for order, each in self._each("limits")]),
            invariants=tuple([self._invariant(order, each) for order, each in self._each("invariants")]),
            lets=self._lets,
            networks=self._networks,
            sets=self._sets,
            windows=self._windows,
            environment={key: text(each, "the environment") for key, each in environment.items()},
        )

    def _read_lets(self) -> dict[str, nodes.Expression]:
        found: dict[str, nodes.Expression] = {}
        for pair in items(self._plain["lets"], "the lets"):
            let, plain = items(pair, "a let", 2)
            if name(let, "a let's name") in found:
                raise PlainProgramError(f"the let `{let}` is declared twice")
            with _Within("let", let):
                found[let] = self._reader.declare_let(let, plain)
        return found

    def _each(self, part: str) -> list[tuple[int, Any]]:
        """The declarations of one part, numbered, each with a name of its own."""
        self._names = set()
        return list(enumerate(items(self._plain[part], f"the {part}")))

    # ------------------------------------------------------------------------------------------ declarations

    def _rule(self, order: int, plain: Any) -> Rule:
        rule = fields(plain, "a rule", _RULE, _RULE_EXTRAS)
        with _Within("rule", rule["name"]):
            effect = form.choice(rule["effect"], "its effect", ("allow", "deny", "challenge"))
            remedy = None if "require" not in rule else self._remedy(rule["require"])
            if (remedy is not None) != (effect == "challenge"):
                raise PlainProgramError("a challenge asks for something, and nothing else does")
            span, body = self._spelled(rule)
            return Rule(
                effect=cast("Effect", effect),
                name=self._name(rule),
                actions=self._actions(rule["on"]),
                body=body,
                order=order,
                status=_status(rule.get("status", 200), effect),
                code=name(rule.get("code", "allowed"), "its code"),
                reason=text(rule["reason"], "its reason"),
                shadow=form.truth(rule.get("shadow", False), "its being a shadow"),
                obligations=_obligations(rule["with"]) if "with" in rule else (),
                remedy=remedy,
                documentation=text(rule.get("about", ""), "its documentation"),
                span=span,
            )

    def _limit(self, order: int, plain: Any) -> Limit:
        limit = fields(plain, "a limit", _LIMIT, _BODY)
        with _Within("limit", limit["name"]):
            cost, kind = self._reader.value(limit["cost"])
            if kind.removesuffix(" literal") not in ("int", "decimal"):
                raise PlainProgramError("its cost is no number")
            return Limit(
                name=self._name(limit),
                actions=self._actions(limit["on"]),
                body=self._body(limit),
                order=order,
                count=_positive(form.exact(limit["count"], "its count")),
                period=whole(limit["period"], "its period", 1),
                cost=cost,
                per=self._per(limit["per"]),
                status=_status(limit["status"], "deny"),
                code=name(limit["code"], "its code"),
                reason=text(limit["reason"], "its reason"),
                documentation=text(limit.get("about", ""), "its documentation"),
                span=self._span(limit),
            )

    def _invariant(self, order: int, plain: Any) -> Invariant:
        invariant = fields(plain, "an invariant", _INVARIANT, _WHERE)
        with _Within("invariant", invariant["name"]):
            holds = form.choice(invariant["holds"], "what it says", ("never", "always"))
            return Invariant(
                name=self._name(invariant),
                holds=cast("Literal['never', 'always']", holds),
                actions=self._actions(invariant["on"]),
                condition=self._reader.condition(invariant["condition"]),
                order=order,
                documentation=text(invariant.get("about", ""), "its documentation"),
                span=self._span(invariant),
            )

    # ------------------------------------------------------------------------------------------ their parts

    def _name(self, declaration: Mapping[str, Any]) -> str:
        found = name(declaration["name"], "its name")
        if found in self._names:
            raise PlainProgramError("another one has the same name")
        self._names.add(found)
        return found

    def _actions(self, plain: Any) -> tuple[str, ...]:
        given = tuple(items(plain, "its actions"))
        try:
            return self._action_lists[given]
        except (KeyError, TypeError):
            found = tuple(names(plain, "its actions"))
        undeclared = [action for action in found if action not in self._schema.actions]
        if undeclared:
            raise PlainProgramError(f"the action `{undeclared[0]}` is not declared")
        return self._action_lists.setdefault(found, found)

    def _body(self, plain: Mapping[str, Any]) -> Body:
        when = self._reader.condition(plain["when"]) if "when" in plain else nodes.TRUE
        unless = self._reader.condition(plain["unless"]) if "unless" in plain else nodes.FALSE
        return Body(when=when, unless=unless)

    def _spelled(self, rule: Mapping[str, Any]) -> tuple[Span | None, Body]:
        """Where a rule stands and its body, whose conditions are marked with how they were written."""
        if "text" not in rule or "at" not in rule:
            return self._span(rule), self._body(rule)
        when, unless = (form.each_of(each, "its texts", text) for each in items(rule["text"], "its texts", 2))
        spans = self._spans(rule, [name(rule["name"], "its name"), *when, *unless])
        asked, excepted = spans[1 : 1 + len(when)], spans[1 + len(when) :]
        body = Body(
            when=self._reader.spelled_condition(rule["when"], "and", asked) if "when" in rule else nodes.TRUE,
            unless=self._reader.spelled_condition(rule["unless"], "or", excepted) if "unless" in rule else nodes.FALSE,
        )
        return spans[0], body

    def _span(self, declaration: Mapping[str, Any]) -> Span | None:
        if "at" not in declaration:
            return None
        return self._spans(declaration, [name(declaration["name"], "its name")])[0]

    def _spans(self, declaration: Mapping[str, Any], pieces: list[str]) -> list[Span]:
        """The places of several pieces of text, all of one declaration."""
        file, line = items(declaration["at"], "its place", 2)
        path = self._files[whole(file, "its file", 0, len(self._files) - 1)]
        source = Excerpt(path, whole(line, "its line", 1), "\n".join(pieces))
        spans: list[Span] = []
        start = 0
        for piece in pieces:
            spans.append(Span(source, start, start + len(piece)))
            start += len(piece) + 1
        return spans

    def _remedy(self, plain: Any) -> Remedy:
        kind = plain.get("kind") if form.is_object(plain) else None
        required, optional = _REMEDIES[form.choice(kind, "what it requires", tuple(_REMEDIES))]
        found = fields(plain, "what it requires", required | {"kind"}, optional)
        remedy = Remedy(
            kind=cast("RemedyKind", kind),
            within=whole(found["within"], "the greatest age", 1) if "within" in found else None,
            count=whole(found["count"], "the number of approvals", 1) if "count" in found else None,
            of=name(found["of"], "the set of approvers") if "of" in found else None,
            name=name(found["name"], "the step") if "name" in found else None,
        )
        if remedy.of is not None and (remedy.of not in self._sets or (remedy.count or 0) > len(self._sets[remedy.of])):
            raise PlainProgramError(f"the set `{remedy.of}` has not so many approvers")
        return remedy

    def _per(self, plain: Any) -> tuple[str, ...]:
        found = form.each_of(plain, "its keys", name)
        for path in found:
            declared = self._schema.attributes.get(path)
            if declared is None or isinstance(declared, types.SetOf | types.Network):
                raise PlainProgramError(f"it counts per `{path}`, which is no attribute of a single value")
        if len(set(found)) < len(found) or not found:
            raise PlainProgramError("it counts per nothing, or twice per the same")
        return tuple(found)


class _Within:
    """Says of a mistake in which declaration it is."""

    def __init__(self, kind: str, given: Any) -> None:
        self._kind = kind
        self._given = given

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, PlainProgramError):
            raise PlainProgramError(f"the {self._kind} {form.shown(self._given)}: {error}") from None


def _schema(plain: Mapping[str, Any]) -> Schema:
    scopes = {
        scope: frozenset(names(included, f"what the scope `{scope}` includes"))
        for scope, included in entries(plain["scopes"], "the scopes").items()
    }
    for scope, included in scopes.items():
        if scope not in included or not included <= scopes.keys():
            raise PlainProgramError(
                f"the scope `{scope}` does not include itself, or includes one that is not declared"
            )
    attributes = {
        path: read_type(declared, f"the attribute `{path}`")
        for path, declared in entries(plain["attributes"], "the attributes").items()
    }
    for path in attributes:
        context, _, attribute = path.partition(".")
        if not context or not attribute:
            raise PlainProgramError(f"the attribute {form.shown(path)} has no context, or no name in it")
    return Schema(actions=frozenset(names(plain["actions"], "the actions")), scopes=scopes, attributes=attributes)


def _set(plain: Any, what: str) -> frozenset[str] | frozenset[int]:
    members = items(plain, what)
    if members and type(members[0]) is int:
        return frozenset(form.ascending([whole(each, f"a member of {what}") for each in members], f"members of {what}"))
    return frozenset(form.ascending([text(each, f"a member of {what}") for each in members], f"members of {what}"))


def _status(plain: Any, effect: str) -> int:
    return whole(plain, "its status", 200, 200) if effect == "allow" else whole(plain, "its status", 400, 599)


def _positive(count: Decimal) -> Decimal:
    if not 0 < count <= INT64_MAX:
        raise PlainProgramError("its count is not above zero")
    return count


def _obligations(plain: Any) -> tuple[tuple[str, Scalar], ...]:
    found: dict[str, Scalar] = {}
    for pair in items(plain, "its obligations"):
        obligation, value = items(pair, "an obligation", 2)
        if name(obligation, "an obligation's name") in found:
            raise PlainProgramError(f"the obligation `{obligation}` stands twice")
        found[obligation] = _scalar(value)
    return tuple(found.items())


def _scalar(plain: Any) -> Scalar:
    match plain:
        case ["decimal", exact]:
            return form.exact(exact, "an obligation")
        case bool() | str():
            return plain
        case _:
            return whole(plain, "an obligation")
