"""The manifest of a bundle: what it is, and of what it consists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from durwan.model.strict_json import JsonTextError, read_json
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.program.plain.form import is_array, is_object
from durwan.runtime.bundle_format import MOST_VERSION, BundleError, check_format

# Every bundle has these members and no others, in this order; but the routes are left out where there are none.
MEMBERS: Final = ("keys.json", "program.json", "routes.json", "self_tests.json")
ROUTES: Final = "routes.json"
_FIELDS: Final = frozenset({"built_by", "created", "expires", "format", "members", "name", "revision", "version"})
_MEMBER_FIELDS: Final = frozenset({"length", "path", "sha256"})
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+-]{0,63}", re.ASCII)
# A bundle that does not say when it was built is old this long before it expires.
_LAST_DAYS: Final = 7 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a manifest says; see `durwan.runtime.bundle.Bundle` for most of it.

    `members` are path, length and SHA-256 in hex. `revision` is the digest of the program.
    """

    name: str
    version: int
    created: int | None
    expires: int | None
    built_by: str
    revision: str
    members: tuple[tuple[str, int, str], ...]

    def is_ageing(self, now_ms: int) -> bool:
        """Whether more than half of the life is over; without a beginning, whether the last week has begun."""
        if self.expires is None:
            return False
        if self.created is None:
            return now_ms >= self.expires - _LAST_DAYS
        return now_ms - self.created > self.expires - now_ms


def read_manifest(content: bytes) -> Manifest:
    """The manifest of these bytes, whose signatures have been verified already.

    Raises:
        BundleError: it is none, or one of another format.
    """
    try:
        plain = read_json(content, what="manifest")
    except JsonTextError as error:
        raise BundleError(f"the manifest of the bundle cannot be read: {error}") from None
    found = _object(plain, "the manifest")
    built_by = _matching(found.get("built_by"), _VERSION, "built_by")
    # Before the fields: those of another format are other ones.
    check_format(_whole(found.get("format"), "format", 1, 65_535), built_by)
    _check_fields(found, _FIELDS, "the manifest")
    manifest = Manifest(
        name=_name(found["name"]),
        version=_whole(found["version"], "version", 1, MOST_VERSION),
        created=_instant(found["created"], "created"),
        expires=_instant(found["expires"], "expires"),
        built_by=built_by,
        revision=_matching(found["revision"], _DIGEST, "revision"),
        members=_members(found["members"]),
    )
    if manifest.created is not None and manifest.expires is not None and manifest.created >= manifest.expires:
        raise BundleError("the bundle expires before it was built")
    return manifest


def _members(plain: Any) -> tuple[tuple[str, int, str], ...]:
    if not is_array(plain):
        raise BundleError("the manifest lists no members")
    found: list[tuple[str, int, str]] = []
    for each in plain:
        member = _object(each, "a member")
        _check_fields(member, _MEMBER_FIELDS, "a member")
        length = _whole(member["length"], "length", 0, MOST_VERSION)
        found.append((member["path"], length, _matching(member["sha256"], _DIGEST, "sha256")))
    paths = tuple(path for path, _, _ in found)
    if paths not in (MEMBERS, tuple(each for each in MEMBERS if each != ROUTES)):
        raise BundleError(
            f"the members of a bundle are {', '.join(MEMBERS)}, each once, in this order, "
            f"and {ROUTES} only where there are routes"
        )
    return tuple(found)


def _object(plain: Any, what: str) -> dict[str, Any]:
    if not is_object(plain):
        raise BundleError(f"{what} of the bundle is no object")
    found: dict[str, Any] = plain
    return found


def _check_fields(found: dict[str, Any], expected: frozenset[str], what: str) -> None:
    differing = found.keys() ^ expected
    if differing:
        raise BundleError(f"{what} of the bundle lacks the field `{min(differing)}`, or should not have it")


def _name(plain: Any) -> str:
    if type(plain) is not str or not plain:
        raise BundleError("the manifest of the bundle has no name")
    return plain


def _whole(plain: Any, field: str, low: int, high: int) -> int:
    if type(plain) is not int or not low <= plain <= high:
        raise BundleError(f"the {field} in the manifest of the bundle is no whole number from {low} to {high}")
    return plain


def _instant(plain: Any, field: str) -> int | None:
    return None if plain is None else _whole(plain, field, TIME_MIN, TIME_MAX)


def _matching(plain: Any, pattern: re.Pattern[str], field: str) -> str:
    if type(plain) is not str or not pattern.fullmatch(plain):
        raise BundleError(f"the {field} in the manifest of the bundle is not in its form")
    return plain
