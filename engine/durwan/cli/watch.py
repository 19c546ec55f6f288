"""`--watch`: a command that runs again whenever the policy set has changed, until it is interrupted."""

from __future__ import annotations

import gc
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

from durwan.cli.exits import INTERRUPTED, NOT_HEARD, USAGE, UsageError
from durwan.diagnostics.terminal import visible
from durwan.errors import DurwanError
from durwan.language.set_files import belongs
from durwan.runtime.sources import Directory
from durwan.runtime.watching import Watcher

if TYPE_CHECKING:
    import argparse

_POLL_SECONDS: Final = 1.0
_SETTLING_SECONDS: Final = 0.05
# The cursor to the top, then the screen and what was scrolled out of it cleared.
_CLEAR: Final = "\x1b[H\x1b[2J\x1b[3J"


def run_again(once: Callable[[], int], arguments: argparse.Namespace) -> int:
    """Runs a command, and again after each change of the policy set.

    Args:
        once: runs it, writes whatever is to be said, mistakes too, and returns its exit code.
        arguments: those of the command.

    Returns:
        The exit code: that of an interrupt; or, where the very first call was wrong, that of a wrong call.

    Raises:
        UsageError: there is nothing that could change, or the command's own output would be a change.
    """
    _check(arguments)
    # One run leaves nothing to be collected; many do.
    gc.enable()
    changes = _Changes(Path(arguments.path))
    watcher = Watcher(changes, poll_seconds=_POLL_SECONDS, tick_seconds=_POLL_SECONDS)
    changes.remember()
    code = once()
    if code == USAGE:
        return code
    watcher.start()
    try:
        while code not in {INTERRUPTED, NOT_HEARD}:
            sys.stderr.write(f"watching {visible(str(arguments.path))}; Ctrl-C ends\n")
            sys.stderr.flush()
            changes.wait()
            if arguments.output is None and sys.stdout.isatty():
                sys.stdout.write(_CLEAR)
            code = once()
    finally:
        watcher.stop()
    return code


def _check(arguments: argparse.Namespace) -> None:
    if arguments.ref is not None:
        raise UsageError("a git revision does not change: --watch and --ref do not go together")
    if arguments.output is None:
        return
    root, target = Path(arguments.path).resolve(), Path(arguments.output).resolve()
    if target == root or (target.is_relative_to(root) and belongs(target.relative_to(root).as_posix())):
        raise UsageError(f"{arguments.output} lies in the policy set: writing it would be a change; write it elsewhere")


class _Changes:
    """What of a policy set can change, and whether it did since it was last remembered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = Event()
        self._known = ""

    def places(self) -> tuple[str, ...]:
        """The folders in which a change would show."""
        return (str(self._path.parent),) if self._path.is_file() else Directory(self._path).places()

    def tick(self, *, look: bool) -> None:
        """Notices whether the content is another one."""
        if look and self._stamp() != self._known:
            self._changed.set()

    def remember(self) -> None:
        """From now on, another content than that of this moment is a change."""
        self._known = self._stamp()
        self._changed.clear()

    def wait(self) -> None:
        """Returns once something has changed and the files have settled; what they then hold is remembered."""
        self._changed.wait()
        before = ""
        while before != self._stamp():
            before = self._stamp()
            time.sleep(_SETTLING_SECONDS)
        self.remember()

    def _stamp(self) -> str:
        """The digest of the content; where it cannot be read, why."""
        try:
            if self._path.is_file():
                return hashlib.sha256(self._path.read_bytes()).hexdigest()
            return Directory(self._path).stamp()
        except (DurwanError, OSError) as error:
            return f"not to be read: {error}"
