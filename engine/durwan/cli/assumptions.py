"""`--fix ATTRIBUTE=VALUE`: what every request is taken to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durwan.cli.exits import UsageError
from durwan.language.suggestions import Suggestions
from durwan.model import types
from durwan.model.values import read_value
from durwan.workshop.access import Assumptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durwan.model.schema import Schema


def read_assumptions(given: Iterable[str], schema: Schema) -> Assumptions:
    """The assumptions as they were typed: numbers, times and networks as in a request, members of a set with commas.

    Raises:
        UsageError: one names no attribute, or has no value of its type.
    """
    found: dict[str, dict[str, object]] = {}
    for each in given:
        path, sign, text = each.partition("=")
        if not sign:
            raise UsageError(f"--fix {each} has no value: write it as gateway.environment=production")
        declared = schema.attributes.get(path)
        if declared is None:
            near = Suggestions().nearest(path, schema.attributes)
            raise UsageError(
                f"--fix {each}: there is no attribute {path}" + (f"; did you mean {near}?" if near else "")
            )
        value = _value(text, declared)
        if read_value(declared, value) is None:
            raise UsageError(f"--fix {each}: {text or 'nothing'} is no value of {path}, which is {declared}")
        context, _, name = path.partition(".")
        found.setdefault(context, {})[name] = value
    return Assumptions(by_context=found)


def _value(text: str, declared: types.Type) -> object:
    match declared:
        case types.Bool():
            return {"true": True, "false": False}.get(text)
        case types.SetOf() | types.Network():
            return [member.strip() for member in text.split(",")] if text else []
        case _:
            return text


__all__ = ["read_assumptions"]
