"""The contexts that every gateway has, written in the language itself: `prelude.policy` beside this file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from durwan.diagnostics import Source
from durwan.language.parser import parse
from durwan.language.syntax import Module

PRELUDE_PATH = "prelude.policy"


@cache
def prelude() -> Module:
    """The syntax tree of the prelude; parsed once.

    Raises:
        ValueError: if the prelude of this installation is damaged.
    """
    text = files("durwan.language").joinpath(PRELUDE_PATH).read_text(encoding="utf-8")
    module, mistakes = parse(Source(PRELUDE_PATH, text))
    if mistakes:
        raise ValueError(f"the prelude cannot be read: {mistakes[0].message}")
    return module
