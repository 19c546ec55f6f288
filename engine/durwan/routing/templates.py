"""Templates of paths: how one is written, and which of two takes what the other could."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from durwan.routing.target import canonical_path

_PARAMETER: Final = re.compile(r"\{([a-z_][a-z0-9_]*)(\*?)\}", re.ASCII)
_MOST_SEGMENTS: Final = 64


class BadTemplateError(ValueError):
    """A template that cannot be; `advice` says what to write."""

    def __init__(self, problem: str, advice: str) -> None:
        self.problem = problem
        self.advice = advice
        super().__init__(problem)


def check_template(template: str) -> None:
    """Makes sure that a template can be matched, and is written as the paths are that it is to match.

    Raises:
        BadTemplateError: it is not.
    """
    segments = template[1:].split("/")
    names: list[str] = []
    for index, segment in enumerate(segments):
        found = _PARAMETER.fullmatch(segment)
        if found is None:
            if "{" in segment or "}" in segment or "*" in segment:
                raise BadTemplateError(
                    "has braces or a star within a segment",
                    "a parameter is a whole segment, `{name}`, or `{name*}` for all segments at the end",
                )
            continue
        if found[2] and index < len(segments) - 1:
            raise BadTemplateError("goes on behind `{...*}`", "that stands for all that is left: put it at the end")
        names.append(found[1])
    if len(set(names)) != len(names):
        raise BadTemplateError("has the same parameter twice", "give the two different names")
    _check_canonical(segments)


def _check_canonical(segments: Sequence[str]) -> None:
    plain = "/" + "/".join("x" if segment.startswith("{") else segment for segment in segments)
    canonical = canonical_path(plain.encode(), _MOST_SEGMENTS)
    if canonical is None:
        raise BadTemplateError("is one that is refused in requests", "write it without empty, dotted or odd segments")
    if canonical != plain:
        written = "/".join(
            own if own.startswith("{") else other for own, other in zip(segments, canonical[1:].split("/"), strict=True)
        )
        raise BadTemplateError("is written otherwise in requests", f"write `/{written}`")


def is_same(template: str, other: str) -> bool:
    """Whether two templates differ in the names of their parameters alone."""
    return _PARAMETER.sub(r"{\2}", template) == _PARAMETER.sub(r"{\2}", other)


def contested(template: str, other: str) -> str | None:
    """A path that both could take, where neither is the narrower one; None where the narrower one takes all of them."""
    left, right = template[1:].split("/"), other[1:].split("/")
    example: list[str] = []
    narrower = wider = False
    for own, theirs in zip_longest(left, right):
        if own is None or theirs is None or (_rank(own) == _rank(theirs) == 0 and own != theirs):
            return None
        narrower, wider = narrower or _rank(own) < _rank(theirs), wider or _rank(theirs) < _rank(own)
        if max(_rank(own), _rank(theirs)) == 2:
            # All that is left of one takes whatever is left of the other.
            rest = left if _rank(theirs) == 2 else right
            example += ["x" if _rank(each) else each for each in rest[len(example) :]]
            break
        example.append(own if _rank(own) == 0 else "x" if _rank(theirs) else theirs)
    return "/" + "/".join(example) if narrower and wider else None


def _rank(segment: str) -> int:
    """How much a segment of a template takes: itself, any one, all that is left."""
    return 0 if not segment.startswith("{") else 2 if segment.endswith("*}") else 1


__all__ = ["BadTemplateError", "check_template", "contested", "is_same"]
