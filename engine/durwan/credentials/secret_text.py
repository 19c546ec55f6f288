"""The text of the secrets that we make: what they are for can be seen, and leak scanners find them.

    dwk_live_ + 43 characters of A-Z a-z 0-9 + 6 characters of check
    ^^^ ^^^^
    |   `live` in production, `test` everywhere else
    `dwk` for a key, `dws` for a session, `dwt` for a token

The 43 characters are drawn uniformly, from the system's source of randomness: 62^43 is a little more than 2^256. The
check is the CRC-32 of all that stands before it, in base 62: it proves nothing to us, but spares a scanner every false
alarm. There is no other character in it than letters, digits and `_`, so that a double click selects all of it.

`LEAK_PATTERN` finds such texts; `is_secret_text` says whether the check is right.
"""

from __future__ import annotations

import re
import secrets
from typing import Final, Literal
from zlib import crc32

Purpose = Literal["dwk", "dws", "dwt"]

# A text without it has no match of the pattern: cheap to ask first.
LEAK_MARK: Final = "dw"
LEAK_PATTERN: Final = r"\bdw[kst]_(?:live|test)_[0-9A-Za-z]{49}\b"

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DRAWN: Final = 43
_CHECK: Final = 6
_WHOLE = re.compile(LEAK_PATTERN, re.ASCII)


def new_secret_text(purpose: Purpose, environment: str | None) -> str:
    """A new secret of 256 bits; `environment` is the key's or the gateway's, such as `production`."""
    world = "live" if environment == "production" else "test"
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(_DRAWN))
    text = f"{purpose}_{world}_{drawn}"
    return text + _check(text)


def is_secret_text(text: str, purpose: Purpose) -> bool:
    """Whether it has the form of a secret that we make for this purpose, and its check is right."""
    has_form = text.startswith(purpose) and _WHOLE.fullmatch(text) is not None
    return has_form and _check(text[:-_CHECK]) == text[-_CHECK:]


def _check(text: str) -> str:
    number = crc32(text.encode())
    digits = ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


__all__ = ["LEAK_MARK", "LEAK_PATTERN", "Purpose", "is_secret_text", "new_secret_text"]
