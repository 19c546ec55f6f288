"""Where results go: standard output or a file, for people or for programs. Progress goes to standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from durwan.cli.progress import ProgressBar
from durwan.diagnostics.terminal import Style

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

_PLAIN_WIDTH = 120


class Output:
    """The results of one command; a context manager, which writes the output file at its end."""

    def __init__(self, command: str, arguments: argparse.Namespace) -> None:
        self.command = command
        self.quiet: bool = arguments.quiet
        self.verbose: bool = arguments.verbose
        self.format: str = arguments.format
        self.is_json: bool = self.format == "json"
        # How many judgements were written before all the others: see `durwan.cli.formats.tell_early`.
        self.told_early = 0
        self._file: str | None = arguments.output
        self._parts: list[str] = []
        for stream in (sys.stdout, sys.stderr):
            _tolerate(stream)
        self.style = _style(arguments.color, sys.stdout, to_file=self._file is not None)

    def write(self, text: str) -> None:
        """Results, line breaks included."""
        if self._file is None:
            sys.stdout.write(text)
        else:
            self._parts.append(text)

    def write_json(self, fields: Mapping[str, Any], revision: str | None) -> None:
        """The one JSON document of a command: `version`, `command`, `revision`, then its own fields."""
        self.write(self.json_document(fields, revision))

    def json_document(self, fields: Mapping[str, Any], revision: str | None) -> str:
        """The text that `write_json` writes."""
        document = {"version": 1, "command": self.command, "revision": revision} | dict(fields)
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    def flush(self) -> None:
        """Hands over what was written so far to whoever reads standard output."""
        if self._file is None:
            sys.stdout.flush()

    def take_file(self) -> str | None:
        """The output file, for a command that makes it itself; what it says goes to standard output then."""
        taken, self._file = self._file, None
        return taken

    def progress(self, text: str) -> None:
        """What is going on, for those who asked to hear it."""
        if self.verbose and not self.quiet:
            sys.stderr.write(f"{text}\n")

    def progress_bar(self, stage: str, total: int | None = None) -> ProgressBar:
        """Tells on standard error how far a piece of work has come, once that takes more than a second.

        A context manager: `with output.progress_bar("proving", 20) as bar: ...; bar.advance()`. With `--quiet`, and
        where lines of results appear on the same terminal meanwhile, nothing is told.
        """
        same = self.format == "jsonl" and self._file is None and sys.stdout.isatty()
        return ProgressBar(stage, total, stream=None if self.quiet or same else sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None and error is None:
            Path(self._file).write_text("".join(self._parts), encoding="utf-8")
        elif error is None:
            sys.stdout.flush()


def _style(choice: str, stream: TextIO, *, to_file: bool) -> Style:
    terminal = stream.isatty() and not to_file
    width = shutil.get_terminal_size().columns if terminal else _PLAIN_WIDTH
    plain = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    return Style(color=choice == "always" or (choice == "auto" and terminal and not plain), width=width)


def _tolerate(stream: TextIO) -> None:
    """A terminal that cannot show a character gets its number, not a traceback."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
