"""`policy-check fmt [PATH ...]`: policy files in the one layout."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from durwan.cli.exits import BROKEN, FINDINGS, GOOD, UsageError
from durwan.cli.findings import counted, diagnostic_forms, write_diagnostics
from durwan.diagnostics.terminal import visible
from durwan.language.formatter import format_text
from durwan.language.parser import TextLimits, decode, parse
from durwan.language.policy_set import read_directory

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from durwan.cli.output import Output
    from durwan.diagnostics import Diagnostic

EXAMPLES = """\
  policy-check fmt policies/
  policy-check fmt --check policies/
  policy-check fmt --diff policies/orders.policy
  policy-check fmt - < orders.policy
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    help_ = "directories and policy files; - is standard input"
    parser.add_argument("paths", nargs="*", default=["."], metavar="PATH", help=help_)
    parser.add_argument("--check", action="store_true", help="change nothing, and exit with 1 if anything would change")
    parser.add_argument("--diff", action="store_true", help="change nothing, and show what would change")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Formats the files, or says which would change; a file that cannot be read whole stays as it is."""
    if "-" in arguments.paths:
        return _stream(arguments.paths, output)
    changed: list[str] = []
    mistakes: list[Diagnostic] = []
    differences: list[str] = []
    keep = arguments.check or arguments.diff
    for path in _files(arguments.paths):
        before = path.read_bytes()
        after, found = _formatted(str(path), before)
        mistakes += found
        if after is None or after == before:
            continue
        changed.append(str(path))
        if arguments.diff:
            differences.append(_difference(str(path), before, after))
        if not keep:
            _replace(path, after)
    shown = differences if arguments.diff else None
    _report(output, changed, mistakes, shown, verb="would change" if keep else "changed")
    if mistakes:
        return BROKEN
    return FINDINGS if keep and changed else GOOD


def _stream(paths: Sequence[str], output: Output) -> int:
    if len(paths) > 1:
        raise UsageError("standard input cannot be formatted together with files")
    before = sys.stdin.buffer.read()
    after, mistakes = _formatted("<stdin>", before)
    if after is None:
        write_diagnostics(output, mistakes, "")
        return BROKEN
    output.write(after.decode("utf-8"))
    return GOOD


def _report(
    output: Output,
    changed: Sequence[str],
    mistakes: Sequence[Diagnostic],
    differences: Sequence[str] | None,
    *,
    verb: str,
) -> None:
    if output.is_json:
        output.write_json({"changed": list(changed), "diagnostics": diagnostic_forms(mistakes, "")}, None)
        return
    write_diagnostics(output, mistakes, "")
    if differences is not None:
        # Nothing else, so that it can be piped into whatever applies differences.
        output.write("".join(differences))
        return
    output.write("".join(f"{verb} {visible(path)}\n" for path in changed))
    if not output.quiet:
        output.write(f"{counted(len(changed), 'file')} {verb}\n")


def _files(paths: Sequence[str]) -> Iterator[Path]:
    for given in paths:
        path = Path(given)
        if path.is_dir():
            yield from (path / name for name in read_directory(path).files if name.endswith(".policy"))
        elif not path.exists():
            raise UsageError(f"{given} does not exist")
        elif path.suffix != ".policy":
            raise UsageError(f"{given} is no policy file: its name does not end in .policy")
        else:
            yield path


def _formatted(path: str, content: bytes) -> tuple[bytes | None, list[Diagnostic]]:
    source, mistakes = decode(path, content, TextLimits())
    if source is None:
        return None, mistakes
    _, mistakes = parse(source)
    errors = [item for item in mistakes if item.severity == "error"]
    return (None, errors) if errors else (format_text(source).encode("utf-8"), [])


def _difference(path: str, before: bytes, after: bytes) -> str:
    lines = difflib.unified_diff(
        before.decode("utf-8").splitlines(keepends=True),
        after.decode("utf-8").splitlines(keepends=True),
        f"a/{path.lstrip('/')}",
        f"b/{path.lstrip('/')}",
    )
    # Tabs stay, so that the difference can be applied.
    shown = ("\t".join(visible(part) for part in line.rstrip("\n").split("\t")) for line in lines)
    return "".join(f"{line}\n" for line in shown)


def _replace(path: Path, content: bytes) -> None:
    """The whole new text or the whole old one, whatever happens; through a link, the file that it names."""
    target = path.resolve()
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(target.stat().st_mode & 0o7777)
        Path(temporary).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
