"""Making bundles: the same bytes for the same policy set and version, whoever builds it and wherever."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from durwan import __version__
from durwan.credentials.ed25519 import raw_public_key
from durwan.credentials.keys import StaticKeys
from durwan.model.types import TIME_MIN
from durwan.program.fingerprint import fingerprint
from durwan.program.plain import write_program
from durwan.routing.plain import write_routes
from durwan.routing.route import Route
from durwan.runtime.bundle import read_bundle
from durwan.runtime.bundle_format import FORMAT, BundleError, Container, list_members, unpack
from durwan.runtime.bundle_manifest import ROUTES
from durwan.runtime.policy import Compiled

_NO_BOUND = 1 << 40


def build_bundle(compiled: Compiled, *, version: int, created: int | None = None, expires: int | None = None) -> bytes:
    """The bundle, unsigned, of a policy set that compiled.

    It is read back before it is returned, and has to mean what went in.

    Args:
        compiled: the policy set, whose keys are its own.
        version: a whole number from 1 on, higher than that of any bundle of this set before.
        created: the instant of the build, in milliseconds since the epoch; None leaves it out.
        expires: from when on the bundle is refused; None for never.

    Raises:
        BundleError: the policy set, or one of these numbers, is none that a bundle can hold.
    """
    members = {
        "program.json": _json(write_program(compiled.program)),
        "keys.json": _plain_keys(compiled),
        "self_tests.json": _plain_tests(compiled),
    }
    if compiled.routes is not None:
        members[ROUTES] = _json(write_routes(compiled.routes))
    manifest = {
        "format": FORMAT,
        "name": compiled.program.name,
        "version": version,
        "created": created,
        "expires": expires,
        "built_by": __version__,
        "revision": compiled.revision,
        "members": list_members(members),
    }
    body = b"".join(members[path] for path in sorted(members))
    content = Container(_json(manifest), (), body).packed()
    _check(content, compiled)
    return content


def sign_bundle(content: bytes, private_key: Any) -> bytes:
    """The bundle with one more signature; one that the same key made before is replaced.

    Args:
        content: a bundle, signed or not.
        private_key: as `durwan.credentials.ed25519.private_key_of` reads it.

    Raises:
        BundleError: it is no bundle.
    """
    container = unpack(content, _NO_BOUND)
    public = raw_public_key(private_key)
    others = [pair for pair in container.signatures if pair[0] != public]
    signatures = sorted([*others, (public, private_key.sign(container.signed))])
    return Container(container.manifest, tuple(signatures), container.body).packed()


def _check(content: bytes, compiled: Compiled) -> None:
    """Makes sure that whoever reads the bundle reads what was put in."""
    found = read_bundle(content, trust=None, now_ms=TIME_MIN, most_bytes=_NO_BOUND).compiled
    same = (
        found.program == compiled.program
        and fingerprint(found.program) == compiled.revision
        and _plain_keys(found) == _plain_keys(compiled)
        and _plain_tests(found) == _plain_tests(compiled)
        and _routes_of(found) == _routes_of(compiled)
    )
    if not same:
        raise BundleError("the bundle does not read as it was written: this is a defect of durwan; please report it")


def _plain_keys(compiled: Compiled) -> bytes:
    if not isinstance(compiled.keys, StaticKeys):
        raise BundleError("a bundle holds the keys of the policy set, and no other source of keys")
    return _json({key_id: dict(record) for key_id, record in compiled.keys.items()})


def _plain_tests(compiled: Compiled) -> bytes:
    tests = compiled.self_tests
    return _json([{"name": each.name, "request": each.request, "expected": each.expected} for each in tests])


def _routes_of(compiled: Compiled) -> tuple[Route, ...] | None:
    return None if compiled.routes is None else compiled.routes.routes


def _json(plain: Mapping[str, Any] | list[Any]) -> bytes:
    """JSON in one form: keys in order, no spaces."""
    try:
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8")
    except (TypeError, ValueError) as error:
        raise BundleError(f"a key or a self-test holds what JSON has no form for: {error}") from None
