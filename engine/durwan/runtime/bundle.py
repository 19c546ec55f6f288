"""Compiled bundles: one file that holds all that an engine decides by, and who vouches for it.

`read_bundle` takes the bytes of a bundle to what an engine needs, or refuses them: the signatures first, then the
manifest that they stand under, then the members that it lists. `accept` is the second half: it remembers the version,
durably, once the policy has passed its self-tests and just before it decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Final

from durwan.credentials.keys import StaticKeys
from durwan.model.strict_json import JsonTextError, read_json
from durwan.program.plain import PlainProgramError, read_program
from durwan.program.plain.expressions import DEEPEST
from durwan.program.plain.form import is_array, is_object
from durwan.program.program import Program
from durwan.routing.plain import PlainRoutesError, read_plain_routes
from durwan.routing.route import RouteTable
from durwan.runtime.bundle_format import MAGIC, BundleError, Container, members_of, unpack
from durwan.runtime.bundle_manifest import ROUTES, Manifest, read_manifest
from durwan.runtime.bundle_state import Accepted, check_follows, remember
from durwan.runtime.bundle_trust import Trust, check_signatures
from durwan.runtime.garbage import without_collecting
from durwan.runtime.policy import Compiled, SelfTest

MOST_BYTES: Final = 16 << 20
# Objects and arrays around the expressions of a program.
_AROUND_EXPRESSIONS: Final = 8
_SELF_TEST: Final = frozenset({"expected", "name", "request"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that was read and, if trust was given, verified.

    Attributes:
        compiled: what an engine decides by.
        name: of the policy set.
        version: a whole number from 1 on, which only goes up.
        digest: 64 hexadecimal digits of SHA-256 over the manifest; the same whoever signed it.
        created: when it was built, in milliseconds since the epoch; None where it does not say.
        expires: from when on it is refused, likewise; None for never.
        ageing: whether more than half of its life has passed: high time for the next one.
        built_by: the version of durwan that built it.
        signers: the public keys, in hex, of those who signed it and are trusted.
        trust: under which it was read.
    """

    compiled: Compiled
    name: str
    version: int
    digest: str
    created: int | None
    expires: int | None
    ageing: bool
    built_by: str
    signers: tuple[str, ...]
    trust: Trust | None


def is_bundle(content: bytes) -> bool:
    """Whether these bytes begin as a bundle does."""
    return content.startswith(MAGIC)


def read_bundle_file(path: str | PathLike[str], most_bytes: int = MOST_BYTES) -> bytes:
    """The bytes of a file for `read_bundle`: all of them, or as many as show that they are too many.

    Raises:
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        return file.read(most_bytes + 1)


def read_bundle(content: bytes, *, trust: Trust | None, now_ms: int, most_bytes: int = MOST_BYTES) -> Bundle:
    """Verifies and reads a bundle. Nothing is remembered yet: see `accept`.

    Args:
        content: the whole file, read once. Read no more than `most_bytes + 1` of it.
        trust: whose signatures count; None takes an unsigned bundle, and looks at no signature.
        now_ms: the current instant, in milliseconds since the epoch.
        most_bytes: how large a bundle may be.

    Raises:
        BundleError: it is damaged, too large, not signed as it must be, expired, older than the one accepted last, of
            another policy set, or holds what this version of durwan cannot read.
    """
    container = unpack(content, most_bytes)
    signers = () if trust is None else check_signatures(container, trust)
    manifest = read_manifest(container.manifest)
    _check_expected(manifest, trust, now_ms)
    compiled = _read_members(container, manifest)
    bundle = Bundle(
        compiled=compiled,
        name=manifest.name,
        version=manifest.version,
        digest=container.digest,
        created=manifest.created,
        expires=manifest.expires,
        ageing=manifest.is_ageing(now_ms),
        built_by=manifest.built_by,
        signers=tuple(public.hex() for public in signers),
        trust=trust,
    )
    if trust is not None:
        check_follows(_accepted(bundle, trust), trust)
    return bundle


def accept(bundle: Bundle) -> None:
    """Remembers the version of a bundle, so that no older one is read again; without `Trust.state`, does nothing.

    Call it after the self-tests have passed and before the policy decides. It returns when the version is on disk.

    Raises:
        BundleError: another process accepted a newer one meanwhile, or the version cannot be written down.
    """
    if bundle.trust is not None:
        remember(_accepted(bundle, bundle.trust), bundle.trust)


def _accepted(bundle: Bundle, trust: Trust) -> Accepted:
    keys = tuple(sorted(public.hex() for public in trust.keys))
    rules = len(bundle.compiled.program.rules)
    return Accepted(name=bundle.name, version=bundle.version, digest=bundle.digest, rules=rules, keys=keys)


def _check_expected(manifest: Manifest, trust: Trust | None, now_ms: int) -> None:
    """What the manifest alone can be refused for."""
    if trust is not None and trust.name is not None and manifest.name != trust.name:
        raise BundleError(f"the bundle is one of `{manifest.name}`, and `{trust.name}` is expected here")
    if manifest.expires is not None and now_ms >= manifest.expires:
        raise BundleError("the bundle has expired: build a new one")


# -------------------------------------------------------------------------------------------------------- members


def _read_members(container: Container, manifest: Manifest) -> Compiled:
    members = members_of(container, manifest.members)
    with without_collecting():
        program = _read(members, "program.json", read_program, deepest=DEEPEST + _AROUND_EXPRESSIONS)
        if program.name != manifest.name:
            raise BundleError("the program of the bundle has another name than its manifest")
        return Compiled(
            program=program,
            revision=manifest.revision,
            keys=_read(members, "keys.json", _keys),
            self_tests=_read(members, "self_tests.json", _self_tests),
            routes=_routes(members, program),
        )


def _routes(members: Mapping[str, bytes], program: Program) -> RouteTable | None:
    if ROUTES not in members:
        return None
    found: RouteTable = _read(members, ROUTES, partial(read_plain_routes, schema=program.schema))
    return found


def _read(members: Mapping[str, bytes], path: str, read: Callable[[Any], Any], deepest: int = 32) -> Any:
    try:
        return read(read_json(members[path], what=path, deepest=deepest))
    except (JsonTextError, PlainProgramError, PlainRoutesError) as error:
        raise BundleError(f"the bundle holds what this version of durwan cannot read: {error}") from None
    except RecursionError:
        raise BundleError(f"{path} in the bundle is nested too deeply to be read from here") from None


def _keys(plain: Any) -> StaticKeys:
    records = _object(plain, "keys.json")
    return StaticKeys({key_id: _object(record, f"the key {key_id!r}") for key_id, record in records.items()})


def _self_tests(plain: Any) -> tuple[SelfTest, ...]:
    if not is_array(plain):
        raise BundleError("self_tests.json in the bundle is no array")
    return tuple(_self_test(each) for each in plain)


def _self_test(plain: Any) -> SelfTest:
    found = _object(plain, "a self-test")
    if found.keys() != _SELF_TEST or type(found["name"]) is not str:
        raise BundleError("a self-test in the bundle has other fields than a name, a request and what is expected")
    request, expected = (_object(found[each], "a self-test") for each in ("request", "expected"))
    return SelfTest(name=found["name"], request=request, expected=expected)


def _object(plain: Any, what: str) -> dict[str, Any]:
    if not is_object(plain):
        raise BundleError(f"{what} in the bundle is no object")
    found: dict[str, Any] = plain
    return found


__all__ = ["MOST_BYTES", "Bundle", "BundleError", "Trust", "accept", "is_bundle", "read_bundle", "read_bundle_file"]
