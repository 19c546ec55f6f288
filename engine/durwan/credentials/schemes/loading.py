"""Schemes by name, and from files of one's own."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from durwan.credentials import schemes
from durwan.credentials.schemes.joined import JoinedScheme
from durwan.credentials.schemes.message_signatures import MessageSignatureScheme
from durwan.credentials.schemes.profile import Components
from durwan.credentials.schemes.profile_node import ProfileError
from durwan.credentials.schemes.profile_reading import read_profile
from durwan.credentials.schemes.scheme import Scheme


def scheme_names() -> tuple[str, ...]:
    """The names of the schemes that come with durwan, sorted."""
    names = (each.name for each in (files(schemes) / "profiles").iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in names if name.endswith(".json")))


@cache
def load_scheme(name: str) -> Scheme:
    """A scheme that comes with durwan, such as `binance`; `durwan` is our own.

    Raises:
        ProfileError: there is none of that name.
    """
    if name not in scheme_names():
        raise ProfileError(f"there is no scheme {name[:80]!r}: there are {', '.join(scheme_names())}")
    content = (files(schemes) / "profiles" / f"{name}.json").read_bytes()
    return read_scheme(content, f"{name}.json")


def read_scheme(content: str | bytes, name: str = "profile") -> Scheme:
    """A scheme from the text of its profile: whoever has a scheme that we have not writes a file and no code.

    Args:
        content: JSON, as in the files under `profiles/`.
        name: how the text is called in errors.

    Raises:
        ProfileError: it has a mistake; the text says where and what to do.
    """
    profile = read_profile(content, name)
    if isinstance(profile.signed, Components):
        return MessageSignatureScheme(profile, profile.signed)
    return JoinedScheme(profile, profile.signed)
