"""The headers by which a gateway tells what stands behind it who asks and what was decided.

A client that sent one of them itself would be believed, so every form of their names is taken out of what came, and
all of them are set, empty where there is nothing to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from durwan.credentials.identity import Identity
from durwan.credentials.raw_request import Headers
from durwan.model.decision import Decision

PREFIX: Final = b"x-durwan-"
NAMES: Final = (
    b"x-durwan-key",
    b"x-durwan-subject",
    b"x-durwan-session",
    b"x-durwan-address",
    b"x-durwan-action",
    b"x-durwan-decision",
    b"x-durwan-obligations",
)
_DECISION, _OBLIGATIONS = NAMES[-2:]
_NO_OBLIGATIONS: Final = (_OBLIGATIONS, b"")
_NOBODY: Final[Headers] = tuple((name, b"") for name in NAMES)
# What may stand in a header as it is: ASCII that can be seen, and the space between words.
_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
_FIT: Final = re.compile(r"[!-$&-~]*")
_ALIASES: Final = bytes.maketrans(b"_.", b"--")


def is_identity_header(name: bytes) -> bool:
    """Whether a name is, or may be taken for, one of the headers that only the gateway sets."""
    return name.translate(_ALIASES).lower().startswith(PREFIX)


def without_identity(headers: Headers) -> Headers:
    """The headers without those that only the gateway sets, in any form of their names."""
    return tuple(each for each in headers if not is_identity_header(each[0]))


def identity_headers(identity: Identity, action: str, decision_id: str, decision: Decision) -> Headers:
    """All of the headers, for a request that is allowed; what is not printable ASCII is percent-encoded."""
    subject = None if identity.token is None else identity.token.subject
    session = None if identity.session is None else identity.session.id
    known = _known(identity.key, subject, session, identity.address, action)
    # The id never comes again, and is printable.
    return (*known, (_DECISION, decision_id.encode()), _obligations(decision.obligations))


def no_identity() -> Headers:
    """All of the headers, saying nothing."""
    return _NOBODY


# The same people come again and again for the same; the latest of them.
@lru_cache(maxsize=4_096)
def _known(*said: str | None) -> Headers:
    """The headers before that of the decision."""
    return tuple((name, _printable(value)) for name, value in zip(NAMES[: len(said)], said, strict=True))


def _obligations(given: Mapping[str, object]) -> tuple[bytes, bytes]:
    if not given:
        return _NO_OBLIGATIONS
    said = {name: value if type(value) in {bool, int} else str(value) for name, value in given.items()}
    return _OBLIGATIONS, _printable(json.dumps(said, separators=(",", ":")))


def _printable(value: str | None) -> bytes:
    if not value:
        return b""
    if _FIT.fullmatch(value):
        return value.encode()
    return quote(value, safe=_PLAIN, errors="replace").encode()
