"""`policy-check verify BUNDLE --trust KEY ...`: what a gateway would say to a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durwan.cli import arguments as options
from durwan.cli.bundle_files import read_content
from durwan.cli.exits import FINDINGS, GOOD
from durwan.cli.findings import counted
from durwan.cli.reading import clock_of
from durwan.diagnostics.terminal import visible
from durwan.model.values import format_instant
from durwan.program.fingerprint import fingerprint
from durwan.runtime.bundle import MOST_BYTES, Bundle, BundleError, Trust, read_bundle
from durwan.runtime.bundle_trust import read_public_key
from durwan.runtime.self_test import SelfTestError, run_self_tests

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  policy-check verify desk.bundle --trust alice.pem.pub
  policy-check verify desk.bundle --trust alice.pem.pub bob.pem.pub carol.pem.pub --threshold 2 --name desk
  policy-check verify desk.bundle --trust alice.pem.pub --state gateway-state.json -f json

It exits with 1 if the bundle is refused: too few signatures, damaged, expired, older than the one that the state
remembers, a self-test that fails. The state is read, never written.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("bundle", metavar="BUNDLE", help="the bundle")
    trust = "the public keys to trust, in PEM form"
    parser.add_argument("--trust", required=True, nargs="+", action="extend", metavar="KEY", help=trust)
    threshold = "how many of them must have signed (1)"
    parser.add_argument("--threshold", type=int, default=1, metavar="M", help=threshold)
    parser.add_argument("--name", metavar="NAME", help="the policy set that it has to be one of")
    parser.add_argument("--state", metavar="FILE", help="what a gateway remembers of the last bundle that it accepted")
    parser.add_argument("--allow-shrink", action="store_true", help="it may have no rules, or lose most of them")
    most = f"how large it may be ({MOST_BYTES})"
    parser.add_argument("--most-bytes", type=int, default=MOST_BYTES, metavar="N", help=most)
    options.add_clock(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Reads the bundle as a gateway does, runs its self-tests, and writes what it is or why it is refused."""
    clock = clock_of(arguments)
    trust = Trust(
        keys=tuple(read_public_key(path) for path in arguments.trust),
        threshold=arguments.threshold,
        name=arguments.name,
        state=arguments.state,
        allow_shrink=arguments.allow_shrink,
    )
    content = read_content(arguments.bundle, arguments.most_bytes)
    try:
        bundle = read_bundle(content, trust=trust, now_ms=clock(), most_bytes=arguments.most_bytes)
        run_self_tests(bundle.compiled, clock)
    except (BundleError, SelfTestError) as error:
        return _refuse(output, str(error))
    if output.is_json:
        output.write_json({"verified": True, "refused": None, **_fields(bundle)}, bundle.compiled.revision)
    else:
        output.write(_drawn(bundle, arguments.bundle))
    return GOOD


def _refuse(output: Output, reason: str) -> int:
    if output.is_json:
        output.write_json({"verified": False, "refused": reason}, None)
    else:
        output.write(f"{output.style.paint('refused', 'bad')}  {visible(reason)}\n")
    return FINDINGS


def _fields(bundle: Bundle) -> dict[str, Any]:
    return {
        "name": bundle.name,
        "bundle_version": bundle.version,
        "digest": bundle.digest,
        "created": None if bundle.created is None else format_instant(bundle.created),
        "expires": None if bundle.expires is None else format_instant(bundle.expires),
        "ageing": bundle.ageing,
        "built_by": bundle.built_by,
        "signers": list(bundle.signers),
        "rules": len(bundle.compiled.program.rules),
        "self_tests": len(bundle.compiled.self_tests),
        "revision_recomputed": fingerprint(bundle.compiled.program) == bundle.compiled.revision,
    }


def _drawn(bundle: Bundle, path: str) -> str:
    fields = _fields(bundle)
    recomputed = "the same here" if fields["revision_recomputed"] else "another one here: other durwan, or other zones"
    life = f"expires {fields['expires']}" if bundle.expires is not None else "never expires"
    lines = [
        f"verified  {path}: {visible(bundle.name)} {bundle.version}, built by durwan {bundle.built_by}",
        f"signed    by {', '.join(bundle.signers)}",
        f"holds     {counted(fields['rules'], 'rule')}; {counted(fields['self_tests'], 'self-test')}, passed; {life}",
        f"revision  {bundle.compiled.revision}, {recomputed}",
    ]
    lines += ["ageing    more than half of its life is over: build the next one"] if bundle.ageing else []
    return "\n".join(lines) + "\n"
