"""One value of a profile's file, with the place where it stands, so that every mistake names its line."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final, NoReturn, TypeVar

from durwan.diagnostics.json_document import JsonDocument
from durwan.errors import DurwanError

_T = TypeVar("_T", bound=str)
# `dict` and `list` themselves; by these names a type checker knows what is in them.
_OBJECT: Final[type[dict[str, Any]]] = dict
_LIST: Final[type[list[Any]]] = list


class ProfileError(DurwanError):
    """A signature scheme that cannot be used; the text says where the mistake is and what to do."""


class Node:
    """A value, the path to it, and the document."""

    def __init__(self, document: JsonDocument, path: tuple[str | int, ...], value: Any) -> None:
        self._document = document
        self._path = path
        self._value: Any = value
        self._names: list[Any] | None = list(value) if type(value) is _OBJECT else None
        self._size = len(value) if type(value) is _LIST else None

    def fail(self, problem: str, *, key: bool = False) -> NoReturn:
        """Says what is wrong with it, or with its name.

        Raises:
            ProfileError: always.
        """
        span = self._document.key_span(self._path) if key else self._document.first_line(self._path)
        line, column = span.source.position(span.start)
        steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in self._path]
        name = "".join(steps).removeprefix(".") or "the profile"
        raise ProfileError(f"{span.source.path}:{line}:{column}: {name} {problem}")

    @property
    def key(self) -> Any:
        """The name under which it stands."""
        return self._path[-1]

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return self._size is not None

    @property
    def is_text(self) -> bool:
        """Whether it is a text."""
        return isinstance(self._value, str)

    def members(self, known: Sequence[_T]) -> list[_T]:
        """The names of a mapping, all of which have to be known."""
        names = self._names
        if names is None:
            self.fail("has to be a mapping")
        for name in names:
            if name not in known:
                near: list[str] = get_close_matches(str(name), list[str](known), n=1)
                advice = f"did you mean `{near[0]}`?" if near else f"the fields are {', '.join(known)}"
                self._inner(name).fail(f"is not known: {advice}", key=True)
        return names

    def get(self, name: str) -> Node | None:
        """A member of a mapping; None where it is not there."""
        return self._inner(name) if name in (self._names or ()) else None

    def need(self, name: str) -> Node:
        """A member that has to be there."""
        found = self.get(name)
        return found if found is not None else self.fail(f"lacks `{name}`")

    def _inner(self, step: str | int) -> Node:
        return Node(self._document, (*self._path, step), self._value[step])

    def items(self) -> list[Node]:
        """The items of a list."""
        if self._size is None:
            self.fail("has to be a list")
        return [self._inner(index) for index in range(self._size)]

    def items_of_mapping(self) -> list[Node]:
        """The values of a mapping."""
        if self._names is None:
            self.fail("has to be a mapping")
        return [self._inner(name) for name in self._names]

    def text(self) -> str:
        """A text."""
        if not isinstance(self._value, str):
            self.fail("has to be text")
        return self._value

    def ascii(self) -> bytes:
        """A text of ASCII that can be seen, and is not empty."""
        text = self.text()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            self.fail("has to be ASCII without spaces")
        return text.encode()

    def one_of(self, words: Sequence[_T]) -> _T:
        """One of some words."""
        found = next((word for word in words if word == self._value), None)
        return found if found is not None else self.fail(f"has to be one of {', '.join(words)}")

    def whole(self, least: int, most: int) -> int:
        """A whole number within bounds."""
        if type(self._value) is not int or not least <= self._value <= most:
            self.fail(f"has to be a whole number from {least} to {most}")
        return self._value

    def truth(self) -> bool:
        """True or false."""
        if type(self._value) is not bool:
            self.fail("has to be true or false")
        return self._value

    def path(self) -> tuple[str | int, ...]:
        """The path to a field of a message: names of members and numbers of items, from 0."""
        steps = [each._value for each in self.items()]  # noqa: SLF001 - of its own class
        if not steps or not all(isinstance(each, str) or type(each) is int for each in steps):
            self.fail("has to be a path: a list of names, and of numbers of items")
        return tuple(steps)
