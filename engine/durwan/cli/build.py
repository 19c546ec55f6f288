"""`policy-check build [PATH] -o FILE --version N`: compiles and tests a policy set, and makes a bundle of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from durwan.cli import arguments as options
from durwan.cli.bundle_files import write_content
from durwan.cli.exits import BROKEN, FINDINGS, GOOD, UsageError
from durwan.cli.findings import (
    counted,
    diagnostic_forms,
    test_fields,
    write_broken,
    write_diagnostics,
    write_failures,
)
from durwan.cli.reading import clock_of, read_policy_set, root_of
from durwan.compilation import compile_policy
from durwan.errors import PolicyError
from durwan.language.memory import Memory
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.values import format_instant, parse_duration, parse_instant
from durwan.runtime.bundle import MOST_BYTES, read_bundle
from durwan.workshop.bundling import build_bundle
from durwan.workshop.release import release
from durwan.workshop.verification import verify

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from durwan.cli.output import Output
    from durwan.compilation import Compilation
    from durwan.runtime.policy import Compiled

EXAMPLES = """\
  policy-check build policies/ -o desk.bundle --version 42
  policy-check build policies/ -o desk.bundle --version 42 --expires 90d --ref v4.2
  policy-check sign desk.bundle --key alice.pem
  policy-check verify desk.bundle --trust alice.pem.pub bob.pem.pub --threshold 2

The same policy set and the same options make the same bytes. An expiry that is given as a duration counts from the
moment of the build, which is then written down: give it as --now, or in SOURCE_DATE_EPOCH, to get the same bytes again.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    version = "a whole number, higher than that of any bundle of this set before"
    parser.add_argument("--version", required=True, type=int, metavar="N", help=version)
    expires = "from when on gateways refuse the bundle: an instant, or a duration such as 90d"
    parser.add_argument("--expires", metavar="WHEN", help=expires)
    parser.add_argument("--untested", action="store_true", help="do not run the tests of the set")
    options.add_clock(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the bundle if the set compiles and its tests pass, and says what is in it."""
    path = output.take_file()
    if path is None:
        raise UsageError("say where the bundle goes: -o FILE")
    clock = clock_of(arguments)
    created, expires = _life(arguments, clock)
    policy_set, memory, root = read_policy_set(arguments), Memory(), root_of(arguments)
    compilation = compile_policy(policy_set, memory)
    if compilation.program is None:
        return write_broken(output, compilation, root)
    if not arguments.untested and not _passes(compilation, clock, output, root):
        return FINDINGS
    try:
        compiled = release(policy_set, memory)
    except PolicyError as error:
        return _write_mistakes(output, error, root)
    content = build_bundle(compiled, version=arguments.version, created=created, expires=expires)
    write_content(path, content)
    _write_summary(output, path, content, compiled)
    return GOOD


def _life(arguments: argparse.Namespace, clock: Callable[[], int]) -> tuple[int | None, int | None]:
    """When the bundle is said to be built, and when it expires."""
    created = _given_now(arguments, clock)
    if arguments.expires is None:
        return created, None
    expires = parse_instant(arguments.expires)
    if expires is None:
        duration = parse_duration(arguments.expires)
        if duration is None:
            raise UsageError(
                f"--expires {arguments.expires} is no instant and no duration: write 2026-12-31T00:00Z or 90d"
            )
        created = clock() if created is None else created
        expires = created + duration
    if not (clock() if created is None else created) < expires <= TIME_MAX:
        raise UsageError(f"--expires {arguments.expires} is no time to come")
    return created, expires


def _given_now(arguments: argparse.Namespace, clock: Callable[[], int]) -> int | None:
    """The moment of the build where it was given; a clock's would make every build another one."""
    if arguments.now is not None:
        return clock()
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 11):
        raise UsageError(f"SOURCE_DATE_EPOCH is no number of seconds since 1970: {given[:40]}")
    return int(given) * 1000


def _passes(compilation: Compilation, clock: Callable[[], int], output: Output, root: str) -> bool:
    """Whether the tests of the set pass; what is wrong is written."""
    found = verify(compilation, clock, linted=False)
    errors = [item for item in found.diagnostics if item.severity == "error"]
    failed = [result for result in found.results or () if result.verdict == "failed"]
    if not errors and not failed:
        return True
    if output.is_json:
        fields = {"bundle": None, "diagnostics": diagnostic_forms(errors, root)}
        output.write_json(fields | {"tests": test_fields(found.results or (), root)}, compilation.revision)
        return False
    write_diagnostics(output, errors, root)
    write_failures(output, failed, root)
    output.write(f"no bundle was built: {counted(len(failed) + len(errors), 'test')} failed or cannot be read\n")
    return False


def _write_mistakes(output: Output, error: PolicyError, root: str) -> int:
    """What only shows in the test files, which are read for the cases that must pass, whatever is run of them."""
    if output.is_json:
        output.write_json({"bundle": None, "diagnostics": diagnostic_forms(error.diagnostics, root)}, None)
        return BROKEN
    write_diagnostics(output, [item for item in error.diagnostics if item.severity == "error"], root)
    output.write("no bundle was built\n")
    return BROKEN


def _write_summary(output: Output, path: str, content: bytes, compiled: Compiled) -> None:
    # At the beginning of time nothing has expired: an old bundle may be built again.
    bundle = read_bundle(content, trust=None, now_ms=TIME_MIN, most_bytes=len(content))
    fields = {
        "bundle": path,
        "name": bundle.name,
        "bundle_version": bundle.version,
        "digest": bundle.digest,
        "expires": None if bundle.expires is None else format_instant(bundle.expires),
        "rules": len(compiled.program.rules),
        "self_tests": len(compiled.self_tests),
        "bytes": len(content),
    }
    if output.is_json:
        output.write_json(fields, compiled.revision)
        return
    tests = counted(len(compiled.self_tests), "test") + " to pass at the gateway"
    output.write(
        f"built  {path}: {bundle.name} {bundle.version}, {counted(len(compiled.program.rules), 'rule')}, {tests}\n"
    )
    output.write(f"       {len(content):,} bytes; digest {bundle.digest}; not signed yet\n")
    if len(content) > MOST_BYTES:
        output.write(f"       larger than the {MOST_BYTES:,} bytes that a gateway takes unless told otherwise\n")
