"""Objects that a request may hold and that answer whatever they like, or raise whatever they like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NoReturn

FAULTS: tuple[type[Exception], ...] = (
    RuntimeError, KeyError, AttributeError, TypeError, ValueError, OverflowError, ZeroDivisionError, StopIteration,
    AssertionError, UnicodeError, OSError, RecursionError, MemoryError,
)  # fmt: skip


class Raising:
    """Raises at everything that Python does by itself."""

    def __init__(self, fault: type[Exception]) -> None:
        self._fault = fault

    def _raise(self, *_: object) -> NoReturn:
        raise self._fault

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _raise
    __hash__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _raise
    __int__ = __float__ = __index__ = __str__ = __add__ = __radd__ = __sub__ = __rsub__ = _raise


class Untouchable:
    """Raises as soon as any attribute is asked for, its class among them."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise RuntimeError(name)


class RaisingMapping(Mapping[str, Any]):
    """A mapping of which nothing can be read."""

    def __init__(self, fault: type[Exception]) -> None:
        self._fault = fault

    def __getitem__(self, name: str) -> NoReturn:
        raise self._fault

    def get(self, key: str, default: object = None) -> NoReturn:
        raise self._fault

    def __iter__(self) -> Iterator[str]:
        raise self._fault

    def __len__(self) -> int:
        raise self._fault


class RaisingDict(dict[str, Any]):
    """A dict of a subclass, of which nothing can be read."""

    def _raise(self, *_: object) -> NoReturn:
        raise RuntimeError("asked")

    __getitem__ = get = __iter__ = keys = items = __contains__ = _raise


class LyingMapping(Mapping[str, Any]):
    """Claims to hold an agreeable object under every name, and all names that there are not."""

    def __getitem__(self, name: str) -> Any:
        return Agreeable()

    def __iter__(self) -> Iterator[str]:
        return iter(("action", "key", "risk"))

    def __len__(self) -> int:
        return -1  # noqa: PLE0303 - the very lie


class Agreeable:
    """Is equal to everything, smaller and greater than everything, and contains everything."""

    def _agree(self, _other: object) -> bool:
        return True

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _agree

    def __hash__(self) -> int:
        return 0


class AgreeableText(str):
    """A text that claims to equal every other one."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__

    def startswith(self, *_: object) -> bool:
        return True


class AgreeableInt(int):
    """A number that claims to lie wherever it is asked to."""

    def _agree(self, _other: object) -> bool:
        return True

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _agree
    __hash__ = int.__hash__


class AgreeableSet(frozenset[str]):
    """A set that claims to hold every member."""

    def __contains__(self, _member: object) -> bool:
        return True

    def isdisjoint(self, _other: object) -> bool:
        return False


class RaisingList(list[str]):
    """A list that cannot be gone through."""

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("asked")


class Impostor:
    """Claims to be a dict."""

    @property
    def __class__(self) -> type:
        return dict

    @__class__.setter
    def __class__(self, _kind: type) -> None:
        raise TypeError


def nested(levels: int) -> list[Any]:
    """A list in a list in a list, so many levels deep."""
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


def nested_mapping(levels: int) -> dict[str, Any]:
    """A dict in a dict, so many levels deep."""
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"a": found}
    return found


def cyclic() -> dict[str, Any]:
    """A dict that holds itself."""
    found: dict[str, Any] = {}
    found["self"] = found
    return found


# Each makes its object anew, so that nothing one test does to it reaches another.
MAKERS: dict[str, Callable[[], Any]] = {
    **{f"raising {fault.__name__}": partial(Raising, fault) for fault in FAULTS},
    **{f"mapping raising {fault.__name__}": partial(RaisingMapping, fault) for fault in FAULTS},
    "untouchable": Untouchable,
    "raising dict": lambda: RaisingDict(a=1),
    "lying mapping": LyingMapping,
    "agreeable": Agreeable,
    "agreeable text": lambda: AgreeableText("x"),
    "agreeable int": lambda: AgreeableInt(5),
    "agreeable set": lambda: AgreeableSet({"x"}),
    "raising list": lambda: RaisingList(["x"]),
    "impostor": Impostor,
    "deep list": lambda: nested(20_000),
    "deep dict": lambda: nested_mapping(20_000),
    "cyclic dict": cyclic,
    "class": lambda: dict,
    "generator": lambda: (item for item in ("a", "b")),
    "bytes": lambda: b"admin\xff",
    "huge int": lambda: 10**5000,
    "lone surrogate": lambda: "\ud800",
    "null": lambda: None,
    "not a number": lambda: float("nan"),
}  # fmt: skip
