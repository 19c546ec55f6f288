"""The names in text that could not be parsed.

A declaration with a mistake in it is not in the tree, so every use of what it declares would look unknown. One mistake
must not become a hundred: names that stand in such text are never called unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from durwan.language.syntax import Module

_COMMENT = re.compile(r"#[^\n]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*", re.ASCII)


def unread_names(modules: Iterable[Module]) -> frozenset[str]:
    """All names and paths in the text between the declarations that the parser made, comments aside."""
    return frozenset(name for module in modules for text in _gaps(module) for name in _NAME.findall(text))


def _gaps(module: Module) -> Iterator[str]:
    text, end = module.source.text, 0
    for declaration in (*module.declarations, None):
        start = len(text) if declaration is None else declaration.span.start
        gap = text[end:start]
        if not gap.isspace() and (gap := _COMMENT.sub("", gap).strip()):
            yield gap
        if declaration is not None:
            end = declaration.span.end
