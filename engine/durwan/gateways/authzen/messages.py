"""What AuthZEN sends and is sent, as plain data and back (Authorization API 1.0, sections 5 to 9).

Fields that are not known are ignored, as the specification asks; what is known has to be of its type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from durwan.errors import DurwanError

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_ENTITIES: Final = ("subject", "action", "resource", "context")
# `dict` and `list` themselves; by these names a type checker knows what is in them.
_OBJECT: Final[type[dict[str, Any]]] = dict
_LIST: Final[type[list[Any]]] = list

Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]
SEMANTICS: Final[tuple[Semantic, ...]] = ("execute_all", "deny_on_first_deny", "permit_on_first_permit")


class MalformedError(DurwanError):
    """A message that is none; the text names fields of the specification, and nothing of what came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A subject or a resource. `id` is empty where it is what is searched for."""

    type: str
    id: str = ""
    properties: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def context(self) -> dict[str, Any]:
        """Its properties, and what it is, as one mapping; no property stands for `type` or `id`."""
        return {**self.properties, "type": self.type, "id": self.id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What is to be done."""

    name: str
    properties: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One question: may this subject do that with this resource."""

    subject: Entity
    action: Action
    resource: Entity
    context: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Evaluations:
    """Several questions, each by itself: one that is malformed is an error that stands in its place."""

    items: tuple[Evaluation | MalformedError, ...]
    semantic: Semantic

    def ends_with(self, allowed: bool) -> bool:
        """Whether nothing that follows such a decision is to be evaluated any more."""
        return self.semantic == ("permit_on_first_permit" if allowed else "deny_on_first_deny")


def read_evaluation(message: Mapping[str, Any]) -> Evaluation:
    """One question.

    Raises:
        MalformedError: a field is missing or of another type.
    """
    return Evaluation(
        subject=_entity(message, "subject"),
        action=_action(message),
        resource=_entity(message, "resource"),
        context=_mapping(message, "context"),
    )


def read_evaluations(message: Mapping[str, Any], most: int) -> Evaluation | Evaluations:
    """Several questions; one, where `evaluations` is left out or empty.

    What the message itself says of subject, action, resource or context holds, as a whole, for each question that does
    not say it.

    Raises:
        MalformedError: the message itself is malformed, or asks more than `most` questions.
    """
    given = message.get("evaluations", [])
    if type(given) is not _LIST:
        raise MalformedError("`evaluations` is not a list")
    if not given:
        return read_evaluation(message)
    if len(given) > most:
        raise MalformedError(f"`evaluations` has more than {most} elements")
    defaults = {name: message[name] for name in _ENTITIES if name in message}
    _check(defaults)
    return Evaluations(tuple(_items(given, defaults)), _semantic(message))


def read_search(message: Mapping[str, Any], target: Literal["subject", "resource", "action"]) -> Evaluation:
    """A question with one part open: the id of its subject or resource, or its action.

    Raises:
        MalformedError: a field is missing or of another type.
    """
    return Evaluation(
        subject=_entity(message, "subject", is_target=target == "subject"),
        action=Action(name="") if target == "action" else _action(message),
        resource=_entity(message, "resource", is_target=target == "resource"),
        context=_mapping(message, "context"),
    )


def _items(given: list[Any], defaults: Mapping[str, Any]) -> Iterator[Evaluation | MalformedError]:
    for item in given:
        try:
            if type(item) is not _OBJECT:
                raise MalformedError("an element of `evaluations` is not an object")  # noqa: TRY301 - stands for it
            yield read_evaluation({**defaults, **item})
        except MalformedError as error:
            yield error


def _check(defaults: Mapping[str, Any]) -> None:
    for name in defaults:
        if name == "action":
            _action(defaults)
        elif name == "context":
            _mapping(defaults, name)
        else:
            _entity(defaults, name)


def _semantic(message: Mapping[str, Any]) -> Semantic:
    wanted = _mapping(message, "options").get("evaluations_semantic", "execute_all")
    for each in SEMANTICS:
        if each == wanted:
            return each
    raise MalformedError(f"`options.evaluations_semantic` is none of {', '.join(SEMANTICS)}")


def _entity(message: Mapping[str, Any], name: str, *, is_target: bool = False) -> Entity:
    found = _required(message, name)
    kind = _text(found, name, "type")
    # Of what is searched for, an id is to be ignored.
    entity_id = "" if is_target else _text(found, name, "id")
    return Entity(type=kind, id=entity_id, properties=_mapping(found, "properties", f"{name}.properties"))


def _action(message: Mapping[str, Any]) -> Action:
    found = _required(message, "action")
    properties = _mapping(found, "properties", "action.properties")
    return Action(name=_text(found, "action", "name"), properties=properties)


def _required(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if name not in message:
        raise MalformedError(f"`{name}` is missing")
    return _mapping(message, name)


def _mapping(message: Mapping[str, Any], name: str, path: str | None = None) -> Mapping[str, Any]:
    found = message.get(name, _NOTHING)
    if type(found) is not _OBJECT and found is not _NOTHING:
        raise MalformedError(f"`{path or name}` is not an object")
    return found


def _text(found: Mapping[str, Any], entity: str, name: str) -> str:
    value = found.get(name)
    if type(value) is not str:
        raise MalformedError(f"`{entity}.{name}` is {'missing' if name not in found else 'not a string'}")
    return value


__all__ = [
    "SEMANTICS", "Action", "Entity", "Evaluation", "Evaluations", "MalformedError", "Semantic", "read_evaluation",
    "read_evaluations", "read_search",
]  # fmt: skip
