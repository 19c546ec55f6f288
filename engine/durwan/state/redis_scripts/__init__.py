"""The scripts that Redis runs, each of them one atomic step; `load` reads one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A script, and the digest under which a server that has seen it knows it."""

    source: str
    digest: str


@cache
def load(name: str) -> Script:
    """The script of that name."""
    source = files(__name__).joinpath(f"{name}.lua").read_text(encoding="ascii")
    # The digest that Redis itself uses; it protects nothing.
    return Script(source, hashlib.sha1(source.encode("ascii"), usedforsecurity=False).hexdigest())


__all__ = ["Script", "load"]
