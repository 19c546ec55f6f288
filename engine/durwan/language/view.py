"""What the names in a file's text stand for: all that its rules depend on beside their own text.

A file whose rules are without mistakes means the same as long as its text and this view of it stay the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from durwan.language.checker import Checker
from durwan.language.lets import Lets
from durwan.language.vocabulary import DeclaredSet, Vocabulary
from durwan.program.nodes import type_of


class View:
    """Tells what names stand for, as a digest.

    Every way in which the checker and the lowering look a name up has to be told apart here: as what it is declared,
    with the type of an attribute, a let or a set, the size of a let with all that it uses, the members of a set.
    `is_complete` tells that there is nothing else that rules could depend on.
    """

    def __init__(self, vocabulary: Vocabulary, checker: Checker, lets: Lets) -> None:
        """`checker` has checked all lets."""
        self._stands_for = stands_for = dict.fromkeys(vocabulary.networks, "network;")
        _add(stands_for, ((name, f"set {_shown(found)};") for name, found in vocabulary.sets.items()))
        _add(stands_for, ((name, "window;") for name in vocabulary.windows))
        _add(stands_for, ((name, _let(name, checker, lets)) for name in vocabulary.lets))
        _add(stands_for, ((path, f"attribute {each.type!r};") for path, each in vocabulary.attributes.items()))
        _add(stands_for, ((name, "scope;") for name in vocabulary.scopes))
        # Where a name is passed over in silence, a rule may depend on the text of another file.
        self.is_complete = not vocabulary.unread and not vocabulary.clashing
        # Patterns and rules without one are about all actions that there are.
        self._actions = " ".join(sorted(vocabulary.actions))

    def of(self, names: Iterable[str]) -> bytes:
        """The digest of what all these names, which are sorted, stand for."""
        stands_for = self._stands_for
        seen = [f"{name} {stands_for[name]}" for name in names if name in stands_for]
        return hashlib.sha256("\n".join((self._actions, *seen)).encode("utf-8", "surrogatepass")).digest()


def _add(stands_for: dict[str, str], entries: Iterable[tuple[str, str]]) -> None:
    for name, meaning in entries:
        stands_for[name] = stands_for.get(name, "") + meaning


def _let(name: str, checker: Checker, lets: Lets) -> str:
    found = checker.lets.get(name)
    return "wrong let;" if found is None else f"let {found.type!r} {type_of(found.node)!r} {lets.measured(name)!r};"


def _shown(found: DeclaredSet) -> str:
    """A set: of a list that comes from a file, rules depend on how many members it has, but not on which."""
    if found.members is None:
        return "unreadable"
    members = len(found.members) if found.listed else sorted(found.members, key=repr)
    return f"{found.element!r} {found.listed} {members!r}"
