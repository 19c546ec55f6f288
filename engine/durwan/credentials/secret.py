"""A secret in memory, which shows itself to nobody who does not ask for it by name."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn, Self

_SHOWN: Final = "<Secret>"


class Secret:
    """Bytes that must not come into a log, an error, a traceback, a metric or a pickle.

    However it is printed or formatted, there is nothing of the bytes in the text, not even how many there are.
    Comparing two takes a time that tells nothing of where they differ. `reveal` is the only way to the bytes: whoever
    looks for the places where secrets are used looks for that word.
    """

    __slots__ = ("_value",)
    _value: bytes

    def __init__(self, value: bytes) -> None:
        if type(value) is not bytes:
            raise TypeError("a secret is made of bytes")
        object.__setattr__(self, "_value", value)

    def reveal(self) -> bytes:
        """The bytes."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    # A hash would tell about the bytes, and a dict would look them up in a time that does.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return _SHOWN

    def __str__(self) -> str:
        return _SHOWN

    def __format__(self, specification: str) -> str:
        return _SHOWN

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a secret cannot be changed")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


__all__ = ["Secret"]
