"""The text of our own tokens: it can be seen what it is, leak scanners find it, and it says nothing.

    dwt_live_ + 43 characters of A-Z a-z 0-9 + 6 characters of check

`live` in production, `test` everywhere else. The 43 characters are drawn uniformly from the system's source of
randomness: 62^43 is a little more than 2^256. The check is the CRC-32 of all before it in base 62: it proves nothing,
but spares the store a question about every text that never was a token, and a scanner every false alarm.
"""

from __future__ import annotations

import re
import secrets
from typing import Final
from zlib import crc32

LEAK_PATTERN: Final = r"\bdwt_(?:live|test)_[0-9A-Za-z]{49}\b"

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DRAWN: Final = 43
_CHECK: Final = 6
_WHOLE: Final = re.compile(LEAK_PATTERN, re.ASCII)


def new_token_text(environment: str) -> str:
    """A new token of 256 bits; `environment` is the gateway's, such as `production`."""
    world = "live" if environment == "production" else "test"
    text = f"dwt_{world}_{''.join(secrets.choice(_ALPHABET) for _ in range(_DRAWN))}"
    return text + _check(text)


def is_token_text(text: str) -> bool:
    """Whether it has the form of a token that we make, and its check is right."""
    return _WHOLE.fullmatch(text) is not None and _check(text[:-_CHECK]) == text[-_CHECK:]


def _check(text: str) -> str:
    number = crc32(text.encode())
    digits = ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
