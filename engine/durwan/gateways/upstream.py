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
    said = (
        identity.key,
        None if identity.token is None else identity.token.subject,
        None if identity.session is None else identity.session.id,
        identity.address,
        action,
        None,
        _obligations(decision.obligations),
    )
    found = {name: _printable(value) for name, value in zip(NAMES, said, strict=True)}
    # This one never comes again, and is printable.
    return tuple((found | {b"x-durwan-decision": decision_id.encode()}).items())


def no_identity() -> Headers:
    """All of the headers, saying nothing."""
    return tuple((name, b"") for name in NAMES)


def _obligations(given: Mapping[str, object]) -> str | None:
    if not given:
        return None
    return json.dumps(
        {name: value if type(value) in {bool, int} else str(value) for name, value in given.items()},
        separators=(",", ":"),
    )


# The same keys and actions come again and again; the latest of them.
@lru_cache(maxsize=4_096)
def _printable(value: str | None) -> bytes:
    if not value:
        return b""
    if _FIT.fullmatch(value):
        return value.encode()
    return quote(value, safe=_PLAIN, errors="replace").encode()
