"""From the questions of AuthZEN to requests as an engine takes them, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

from durwan.gateways.answer import Answer
from durwan.gateways.authzen.entities import Entities
from durwan.gateways.authzen.messages import Evaluation
from durwan.routing.route import Route, RouteTable
from durwan.routing.target import canonical_path, decoded

_PARAMETER: Final = re.compile(r"(?<=/)\{[A-Za-z0-9_]{1,64}\}(?=/|\Z)", re.ASCII)
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
# What a caller cannot say by the context of a question: it stands elsewhere in it, or is this gateway's own.
_TAKEN: Final = frozenset({"action", "now", "gateway", "activity"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What stands for what.

    Attributes:
        key_subjects: the types of subjects whose id is that of a key.
        route_resources: the types of resources that are paths, of which the action is a method.
        subject: the context that any other subject is.
        resource: the context that any other resource is.
        action_properties: the context that the properties of an action are.
        action: the action for a name; `{action}` and `{resource_type}` stand for what came.
    """

    key_subjects: frozenset[str] = frozenset({"key"})
    route_resources: frozenset[str] = frozenset({"route"})
    subject: str = "subject"
    resource: str = "resource"
    action_properties: str = "request"
    action: str = "{action}"


_NAMES: Final = Names()


class Routes(Protocol):
    """What has a table of routes, perhaps another one after each reload."""

    @property
    def table(self) -> RouteTable:
        """The routes as they are now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """Makes requests of questions.

    Attributes:
        names: what stands for what.
        entities: subjects and resources that are known.
        routes: what has the routes of the API; None without any.
    """

    names: Names = field(default_factory=lambda: _NAMES)
    entities: Entities = field(default_factory=Entities)
    routes: Routes | None = None

    def request(self, asked: Evaluation) -> dict[str, Any]:
        """The request for `Engine.decide`. Where no route is found, it asks for no action, and is denied."""
        names = self.names
        contexts = {name: value for name, value in asked.context.items() if self._is_context(name, value)}
        if asked.subject.type in names.key_subjects:
            contexts["key"] = asked.subject.id
        contexts[names.subject] = self.entities.complete("subjects", asked.subject).context()
        contexts[names.resource] = self.entities.complete("resources", asked.resource).context()
        given = {**_mapping(contexts.get(names.action_properties)), **asked.action.properties}
        if asked.resource.type in names.route_resources:
            given |= {"method": asked.action.name, "path": asked.resource.id}
        contexts[names.action_properties] = given
        return self._with_action(contexts, asked)

    def _with_action(self, contexts: dict[str, Any], asked: Evaluation) -> dict[str, Any]:
        if asked.resource.type not in self.names.route_resources:
            return {**contexts, "action": self.action(asked.action.name, asked.resource.type)}
        found = self.route(asked.action.name, asked.resource.id)
        if found is None:
            return {**contexts, "action": None}
        route, parameters = found
        for context, constants in route.constants.items():
            contexts[context] = {**_mapping(contexts.get(context)), **constants}
        for source in route.sources:
            if source.place == "path" and source.name in parameters:
                context, _, name = source.attribute.partition(".")
                contexts[context] = {**_mapping(contexts.get(context)), name: parameters[str(source.name)]}
        return {**contexts, "action": route.action}

    def action(self, name: str, resource_type: str) -> str:
        """The action that is meant by a name."""
        pattern = self.names.action
        return pattern.replace("{resource_type}", resource_type).replace("{action}", name)

    def action_names(self, declared: str, resource_type: str) -> str | None:
        """The name by which a declared action is asked for, where there is one for this type of resources."""
        before, _, after = self.names.action.partition("{action}")
        before, after = (part.replace("{resource_type}", resource_type) for part in (before, after))
        fits = declared.startswith(before) and declared.endswith(after) and len(declared) > len(before) + len(after)
        return declared[len(before) : len(declared) - len(after)] if fits else None

    def route(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        """The route of a method at a template, or at a path; and the parameters of the path.

        How the parameters of a template are called makes no difference.
        """
        if self.routes is None:
            return None
        form = unnamed(path)
        for route in self.routes.table:
            if route.method == method and unnamed(route.template) == form:
                return route, _NOTHING
        canonical = canonical_path(path.encode("utf-8", "surrogatepass"))
        found = None if canonical is None else self.routes.table.find(method, canonical)
        if not isinstance(found, tuple):
            return None
        values = map(decoded, found[1])
        return found[0], dict(zip(found[0].parameters, values, strict=True))

    def methods_at(self, path: str) -> Iterator[str]:
        """The methods that a template or a path has routes for, in alphabetical order."""
        every = sorted({route.method for route in self._every()})
        return (method for method in every if self.route(method, path) is not None)

    def templates(self) -> list[str]:
        """The templates of all routes, sorted."""
        return sorted({route.template for route in self._every()})

    def _every(self) -> Iterator[Route]:
        return iter(()) if self.routes is None else iter(self.routes.table)

    def _is_context(self, name: str, value: object) -> bool:
        if name in _TAKEN or name in {self.names.subject, self.names.resource}:
            return False
        return isinstance(value, dict) or (name == "key" and isinstance(value, str))


def unnamed(template: str) -> str:
    """A template without the names of its parameters."""
    return _PARAMETER.sub("{}", template)


def answer_to(answer: Answer) -> dict[str, Any]:
    """What AuthZEN is answered: the decision, and in its context all that whoever enforces it can act upon."""
    context: dict[str, Any] = {"decision_id": answer.decision_id, "code": answer.code, "status": answer.status}
    if not answer.allowed:
        context["reason"] = answer.reason
    if answer.decision is not None:
        plain = answer.decision.as_dict()
        context |= {name: plain[name] for name in ("obligations", "remedies", "unknowns", "retry_after") if plain[name]}
    return {"decision": answer.allowed, "context": context}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING  # pyright: ignore[reportUnknownVariableType] - JSON


__all__ = ["Names", "Translation", "answer_to"]
