"""Requests that a command is given, and the engine that decides them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from durwan.cli.bundle_files import bundle_at
from durwan.cli.exits import UsageError
from durwan.cli.reading import compile_set
from durwan.runtime.engine import Engine
from durwan.runtime.limits import UntouchedCounter

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from durwan.compilation import Compilation


def read_file(name: str) -> bytes:
    """What a file of requests holds; `-` is standard input.

    Raises:
        UsageError: it cannot be read.
    """
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"the request {name} cannot be read: {error.strerror}") from None


def engine_at(arguments: argparse.Namespace, clock: Callable[[], int]) -> Engine | Compilation:
    """The engine for the policy set or bundle at the path; the compilation of a set that has mistakes.

    Raises:
        UsageError: there is neither at the path.
        DurwanError: it cannot be read.
    """
    bundle = bundle_at(arguments, clock())
    if bundle is not None:
        compiled = bundle.compiled
    else:
        compilation = compile_set(arguments)
        if compilation.program is None:
            return compilation
        compiled = compilation.finished()
    return Engine(lambda: compiled, clock=clock, limits=UntouchedCounter())


def subject_of(request: Mapping[str, Any]) -> str:
    """What a request is about, so that one of many can be told: its action, its key and where it comes from."""
    key, client = request.get("key"), request.get("client")
    key_id = cast("dict[str, Any]", key).get("id") if isinstance(key, dict) else key
    address = cast("dict[str, Any]", client).get("ip") if isinstance(client, dict) else None
    parts = [str(request.get("action"))]
    parts += [f"key {key_id}"] if key_id is not None else []
    parts += [f"from {address}"] if address is not None else []
    return ", ".join(parts)
