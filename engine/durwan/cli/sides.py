"""The two sides of a comparison as a command is given them: directories, bundles, git revisions."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from durwan.cli.bundle_files import bundle_at
from durwan.cli.exits import UsageError
from durwan.cli.findings import write_broken
from durwan.cli.reading import compile_set, root_of
from durwan.credentials.keys import StaticKeys
from durwan.model.types import TIME_MIN

if TYPE_CHECKING:
    from durwan.cli.output import Output
    from durwan.runtime.policy import Compiled

SIDE: Final = "a directory, a bundle, a git revision, or REVISION:DIRECTORY"


def read_side(arguments: argparse.Namespace, output: Output, side: str) -> Compiled | int:
    """One side, compiled; an exit code where it does not compile, which has been written.

    Raises:
        UsageError: there is no such side.
        DurwanError: it cannot be read.
    """
    place = argparse.Namespace(**vars(arguments) | _place(arguments, side))
    bundle = bundle_at(place, TIME_MIN)
    if bundle is not None:
        return bundle.compiled
    compilation = compile_set(place)
    if compilation.program is None:
        output.write("" if output.is_json else f"{side}:\n")
        return write_broken(output, compilation, root_of(place))
    return compilation.finished()


def keys_of(compiled: Compiled) -> StaticKeys:
    """The keys of a set; those of a source outside it cannot be listed."""
    return compiled.keys if isinstance(compiled.keys, StaticKeys) else StaticKeys({})


def _place(arguments: argparse.Namespace, side: str) -> dict[str, str | None]:
    """What a side means: a path if there is one, else a git revision of the directory."""
    if Path(side).exists():
        return {"path": side, "ref": None}
    revision, colon, directory = side.partition(":")
    path = directory if colon else arguments.path
    if not revision or not Path(path).exists():
        raise UsageError(f"{side} is neither a path nor REVISION:DIRECTORY of a directory that exists")
    return {"path": path, "ref": revision}


__all__ = ["SIDE", "keys_of", "read_side"]
