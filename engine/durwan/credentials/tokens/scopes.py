"""Narrowing scopes: what somebody asks for, and what the one who gives it has.

A scope may include others (`wallet.write` includes `wallet.read`), so sets of scopes are compared by all that they
hold. Who includes whom is given as a mapping from each such scope to all that it holds, itself among them, as the
`scopes` of a compiled policy are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from durwan.credentials.refusals import Refusal, refuse

Includes = Mapping[str, Collection[str]]
NONE_INCLUDED: Final[Includes] = MappingProxyType({})


def held(scopes: Collection[str], includes: Includes = NONE_INCLUDED) -> frozenset[str]:
    """All that somebody holds who was given these scopes."""
    return frozenset(each for scope in scopes for each in (scope, *includes.get(scope, ())))


def narrowed(asked: Collection[str], most: Collection[str], includes: Includes = NONE_INCLUDED) -> frozenset[str]:
    """What is left of the scopes that are asked for, for one who may have `most`: never more than either of them.

    A token whose client may have `wallet.read` and that asks for `wallet.write` keeps `wallet.read`.
    """
    return held(asked, includes) & held(most, includes)


def check_not_exceeded(
    asked: Collection[str], own: Collection[str], includes: Includes = NONE_INCLUDED
) -> Refusal | None:
    """None where somebody who has `own` may hand on the scopes that are asked for; the refusal where not."""
    return None if held(asked, includes) <= held(own, includes) else refuse("scope_exceeded")
