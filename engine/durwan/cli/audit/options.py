"""What the commands for audit logs can be told: the log, checkpoints, keys, and which records."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durwan.audit.checkpoint_files import read_checkpoints
from durwan.audit.entry import DECISION
from durwan.audit.reading import Recorded, records_of, streams_in
from durwan.cli.exits import UsageError
from durwan.model.values import parse_duration, parse_instant
from durwan.runtime.bundle_trust import read_public_key

if TYPE_CHECKING:
    import argparse

    from durwan.audit.note import Checkpoint

_DAMAGED = "durwan audit verify says more"


def add_log(parser: argparse.ArgumentParser) -> None:
    """Which log."""
    parser.add_argument("path", metavar="PATH", help="the directory of the log, or of one stream of it")


def add_keys(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Whose signatures count."""
    help_ = "a public key, in PEM form, that signs its checkpoints; may be given several times"
    parser.add_argument("--key", action="append", default=[], required=required, metavar="FILE", help=help_)


def add_checkpoints(parser: argparse.ArgumentParser) -> None:
    """Checkpoints that were kept elsewhere."""
    help_ = "a file of checkpoints that was kept elsewhere, or a directory of such files; may be given several times"
    parser.add_argument("--checkpoints", action="append", default=[], metavar="FILE", help=help_)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Which records."""
    which = parser.add_argument_group("which decisions")
    which.add_argument("--key", metavar="ID", help="of this key")
    which.add_argument("--action", metavar="ACTION", help="about this action; orders.* for all that begin so")
    which.add_argument("--effect", choices=["allow", "deny", "challenge"], help="with this effect")
    which.add_argument("--code", metavar="CODE", help="with this code")
    which.add_argument("--decision-id", metavar="ID", help="with this id")
    help_ = "at this instant, 2026-03-02T09:00:00Z, or later; or 90m, 24h, 7d ago"
    which.add_argument("--since", metavar="INSTANT", help=help_)
    which.add_argument("--until", metavar="INSTANT", help="before this instant, written likewise")


def keys_of(arguments: argparse.Namespace) -> list[bytes]:
    """The public keys.

    Raises:
        KeyFileError: one cannot be read, or is none to trust.
    """
    return [read_public_key(path) for path in arguments.key]


def checkpoints_of(arguments: argparse.Namespace) -> list[Checkpoint]:
    """The checkpoints of all files that were named.

    Raises:
        NoteError: a file holds something else.
        OSError: it cannot be read.
    """
    found: list[Checkpoint] = []
    for each in arguments.checkpoints:
        path = Path(each)
        for file in sorted(path.glob("*.txt")) if path.is_dir() else [path]:
            found += read_checkpoints(file)
    return found


def one_stream(path: str) -> Path:
    """The one stream that is meant.

    Raises:
        UsageError: there are several.
        AuditSetupError: there is none.
    """
    found = streams_in(Path(path))
    if len(found) > 1:
        names = ", ".join(each.name for each in found[:5])
        raise UsageError(f"{path} has {len(found)} streams, {names}: name one of them, such as {found[0]}")
    return found[0]


def decisions_of(arguments: argparse.Namespace, damaged: list[str]) -> Iterator[Recorded]:
    """The decisions that were asked for, stream by stream; of lines that are not whole, where they are."""
    fits = _filter_of(arguments)
    for stream in streams_in(Path(arguments.path)):
        count = 0
        for found in records_of(stream):
            if found is None:
                count += 1
            elif found.kind == DECISION and fits(found):
                yield found
        if count:
            damaged.append(f"{count} lines of {stream} are not whole: {_DAMAGED}")


def _filter_of(arguments: argparse.Namespace) -> Callable[[Recorded], bool]:
    wanted = {name: getattr(arguments, name) for name in ("key", "effect", "code", "decision_id")}
    equal = {name: value for name, value in wanted.items() if value is not None}
    since, until = (_instant(getattr(arguments, name), f"--{name}") for name in ("since", "until"))
    action: str | None = arguments.action

    def fits(found: Recorded) -> bool:
        record = found.record
        if any(record.get(name) != value for name, value in equal.items()):
            return False
        return (action is None or _is_action(record.get("action"), action)) and _is_between(record, since, until)

    return fits


def _is_between(record: dict[str, Any], since: int | None, until: int | None) -> bool:
    at = record.get("time")
    if type(at) is not int:
        return since is None and until is None
    return (since is None or at >= since) and (until is None or at < until)


def _is_action(found: object, wanted: str) -> bool:
    if not isinstance(found, str):
        return False
    return found.startswith(wanted[:-1]) if wanted.endswith(".*") else found == wanted


def _instant(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    found, ago = parse_instant(text), parse_duration(text)
    if found is None and ago is None:
        raise UsageError(f"{option} {text} is no instant and no duration: write it as 2026-03-02T09:00:00Z or as 24h")
    return found if found is not None else time.time_ns() // 1_000_000 - (ago or 0)


__all__ = [
    "add_checkpoints", "add_filters", "add_keys", "add_log", "checkpoints_of", "decisions_of", "keys_of", "one_stream",
]  # fmt: skip
