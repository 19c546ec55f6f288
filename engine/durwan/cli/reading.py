"""From what was typed to a policy set, an instant, a pattern."""

from __future__ import annotations

import contextlib
import difflib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from durwan.cli.exits import UsageError
from durwan.cli.policy_check import COMMANDS
from durwan.compiler import Compiler
from durwan.language.policy_set import PolicySet, read_directory, read_mapping, read_revision
from durwan.language.stored.store import Store, StoreError, users_directory
from durwan.model.values import parse_instant

if TYPE_CHECKING:
    import argparse

    from durwan.compilation import Compilation


def read_policy_set(arguments: argparse.Namespace) -> PolicySet:
    """The policy set at the path: a directory, at a git revision if one was given, or a single policy file.

    Raises:
        UsageError: there is nothing there that could be one.
        DurwanError: it cannot be read.
    """
    path = Path(arguments.path)
    if arguments.ref is not None:
        return read_revision(path, arguments.ref)
    if path.is_file():
        from durwan.cli.bundle_files import is_bundle_file  # noqa: PLC0415 - a directory needs nothing of bundles

        if is_bundle_file(arguments.path):
            raise UsageError(f"{arguments.path} is a bundle, compiled and tested before: verify, show and eval read it")
        if path.suffix != ".policy":
            raise UsageError(f"{arguments.path} is no policy file: give a directory, or a file that ends in .policy")
        return read_mapping({path.name: path.read_bytes()})
    if not path.exists():
        raise UsageError(f"{arguments.path} does not exist{_meant(arguments.path)}")
    return read_directory(path)


def compile_set(arguments: argparse.Namespace) -> Compilation:
    """Compiles the policy set at the path, with what earlier runs found out about its files.

    Raises:
        UsageError: there is nothing there that could be a policy set.
        DurwanError: it cannot be read, or a cache directory was named that must not be used.
    """
    return Compiler(store_of(arguments)).compile(read_policy_set(arguments))


def store_of(arguments: argparse.Namespace) -> Store | None:
    """Where to keep what was found out; None where nothing is to be kept, or nothing can."""
    if arguments.no_cache:
        return None
    if arguments.cache is not None:
        return Store(arguments.cache)
    # Nobody asked for this one: where it cannot be used, things take a little longer.
    with contextlib.suppress(StoreError, OSError, RuntimeError):
        return Store(users_directory())
    return None


def root_of(arguments: argparse.Namespace) -> str:
    """What stands before the paths of the set's files, so that they can be opened from where the command is called."""
    path = Path(arguments.path)
    return str(path.parent if path.is_file() else path)


def clock_of(arguments: argparse.Namespace) -> Callable[[], int]:
    """The clock of a run: the instant of `--now`, else the moment at which the run began, in milliseconds.

    Raises:
        UsageError: `--now` is no instant.
    """
    if arguments.now is None:
        began = time.time_ns() // 1_000_000
        return lambda: began
    now = parse_instant(arguments.now)
    if now is None:
        raise UsageError(f"--now {arguments.now} is no instant: write it as 2026-03-02T09:00:00Z")
    return lambda: now


def pattern_of(arguments: argparse.Namespace) -> re.Pattern[str] | None:
    """The pattern of `--run`.

    Raises:
        UsageError: it is no regular expression.
    """
    if arguments.run is None:
        return None
    try:
        return re.compile(arguments.run)
    except re.error as error:
        raise UsageError(f"--run {arguments.run} is no regular expression: {error}") from None


def _meant(word: str) -> str:
    """A word that is no path may have been meant as a command."""
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    if not near:
        return ""
    return f"; did you mean the command {near[0]}? The command comes first: policy-check {near[0]}"
