"""Keys put together that no rule tells apart, so that a thousand keys can be read like five."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from durwan.model.request import Attributes, no_keys
from durwan.program.explanation import read_by
from durwan.program.program import Program

# What belongs to each key by itself: whose it is, and when what became of it. A class leaves these to be asked for
# where its members differ in them.
OWN: Final = frozenset(
    {
        "key.id", "key.account", "key.owner", "key.created", "key.rotated", "key.expires", "key.last_used",
        "key.not_before",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyClass:
    """Keys with the same attributes, in what the policies read.

    Attributes:
        ids: the members, in the order in which they were given.
        attributes: those of the first member.
        kept: the paths of attributes that differ from member to member; each is known of all of them.
    """

    ids: tuple[str, ...]
    attributes: Mapping[str, object]
    kept: frozenset[str] = frozenset()

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes as they were given."""
        given = self.attributes.get("scopes")
        return tuple(map(str, given)) if isinstance(given, list | tuple | set | frozenset) else ()  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of anything

    @property
    def name(self) -> str:
        """The first members: `desk-7`, `desk-7, desk-9 and 3 more`."""
        shown, others = self.ids[:2], len(self.ids) - 2
        if others == 1:
            return ", ".join(self.ids)
        return ", ".join(shown) + (f" and {others} more" if others > 0 else "")


def each_by_itself(keys: Iterable[tuple[str, Mapping[str, object]]]) -> list[KeyClass]:
    """A class for each key."""
    return [KeyClass(ids=(key_id,), attributes=attributes) for key_id, attributes in keys]


def key_classes(program: Program, keys: Iterable[tuple[str, Mapping[str, object]]]) -> list[KeyClass]:
    """The keys by what the rules can tell of them, in the order of their first members.

    Two keys are of one class where every attribute that some rule reads is equal; of those in `OWN`, where both have
    it or neither does. Shadow rules, limits and invariants decide nothing and are not asked.
    """
    read = _read(program)
    members: dict[tuple[object, ...], list[tuple[str, Mapping[str, object], Attributes]]] = {}
    for key_id, record in keys:
        attributes = Attributes(program.schema, {"key": record}, no_keys)
        values = ((path, attributes.read(path)) for path in read)
        mark = tuple(value is not None if path in OWN else value for path, value in values)
        members.setdefault(mark, []).append((key_id, record, attributes))
    return [_class(each, read) for each in members.values()]


def _read(program: Program) -> list[str]:
    rules = [rule for rule in program.rules if not rule.shadow]
    bodies = [body for rule in rules for body in (rule.body.when, rule.body.unless)]
    return sorted({path for body in bodies for path in read_by(body, program) if path.startswith("key.")})


def _class(members: list[tuple[str, Mapping[str, object], Attributes]], read: Collection[str]) -> KeyClass:
    ids, records, attributes = zip(*members, strict=True)
    kept = frozenset(path for path in OWN.intersection(read) if len({each.read(path) for each in attributes}) > 1)
    return KeyClass(ids=ids, attributes=records[0], kept=kept)


__all__ = ["OWN", "KeyClass", "each_by_itself", "key_classes"]
