"""Which status and code a client sees for an exact one: exchanges differ, and some would rather say less.

The exact code is what operators and auditors see, always. A profile maps it to what goes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

_NOTHING: Final[Mapping[str, Shown]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client sees of an answer. None: as it is.

    Attributes:
        status: the status of HTTP.
        code: the reason for machines.
        reason: the reason for people.
    """

    status: int | None = None
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusProfile:
    """What clients see. What is said of a code goes before what is said of a status.

    Attributes:
        name: what it is called in configurations.
        codes: by exact code.
        statuses: by status, for codes that are not named.
        tells_remedies: whether a client is told what would turn a challenge into an allow.
    """

    name: str
    codes: Mapping[str, Shown] = field(default_factory=lambda: _NOTHING)
    statuses: Mapping[int, Shown] = field(default_factory=lambda: MappingProxyType[int, Shown]({}))
    tells_remedies: bool = True

    def shown(self, status: int, code: str, reason: str) -> tuple[int, str, str]:
        """Status, code and reason that go out for exact ones."""
        found = self.codes.get(code) or self.statuses.get(status)
        if found is None:
            return status, code, reason
        return (
            status if found.status is None else found.status,
            code if found.code is None else found.code,
            reason if found.reason is None else found.reason,
        )


EXACT: Final = StatusProfile(name="exact")
# One code a status: whoever tries keys learns nothing of why one of them failed.
COARSE: Final = StatusProfile(
    name="coarse",
    statuses=MappingProxyType(
        {
            400: Shown(code="bad_request", reason="the request cannot be read"),
            401: Shown(code="unauthenticated", reason="who asks could not be established"),
            403: Shown(code="forbidden", reason="this is not permitted"),
            404: Shown(code="not_found", reason="there is nothing at this path"),
            405: Shown(code="method_not_allowed", reason="this cannot be asked for with that method"),
            422: Shown(code="conflict", reason="the request contradicts an earlier one"),
            429: Shown(code="rate_limited", reason="too many requests"),
            503: Shown(code="unavailable", reason="try again later"),
        }
    ),
)
# As coarse, and as several exchanges do: also that the key is known does not show (domain notes, section 3).
OPAQUE: Final = StatusProfile(
    name="opaque",
    statuses=MappingProxyType(
        {
            **COARSE.statuses,
            403: Shown(status=401, code="unauthenticated", reason="the key, its address or its permissions do not do"),
            401: Shown(code="unauthenticated", reason="the key, its address or its permissions do not do"),
        }
    ),
    tells_remedies=False,
)
PROFILES: Final[Mapping[str, StatusProfile]] = MappingProxyType({each.name: each for each in (EXACT, COARSE, OPAQUE)})
