"""From the files of a policy set to a program: the first file to read. Each stage is one step of `compile_policy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from durwan.credentials.key_files import read_key_files
from durwan.credentials.keys import StaticKeys
from durwan.diagnostics import Diagnostic
from durwan.errors import PolicyError
from durwan.language.check import Checked, check_files
from durwan.language.manifest import ROUTES, Manifest, read_manifest
from durwan.language.memory import Memory
from durwan.language.policy_set import PolicySet, read_directory, read_mapping
from durwan.language.syntax import Module
from durwan.program.fingerprint import fingerprint
from durwan.program.program import Program
from durwan.routing.routes_file import RoutesFile, read_routes
from durwan.runtime.policy import Compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """What became of a policy set.

    `program` and `revision` are None if and only if there is an error among the `diagnostics`, which are in source
    order. `modules` are the files as they were read, for what works on text. `manifest`, `keys` and
    `routes` are the set's own; `routes` are None where it has none, or none without mistakes.
    """

    policy_set: PolicySet
    manifest: Manifest
    modules: tuple[Module, ...]
    keys: StaticKeys
    routes: RoutesFile | None
    diagnostics: tuple[Diagnostic, ...]
    program: Program | None
    revision: str | None

    def finished(self) -> Compiled:
        """What an engine needs.

        Raises:
            PolicyError: there are errors.
        """
        if self.program is None or self.revision is None:
            raise PolicyError(self.diagnostics)
        return Compiled(
            program=self.program,
            revision=self.revision,
            diagnostics=self.diagnostics,
            keys=self.keys,
            routes=None if self.routes is None else self.routes.table,
        )


def compile_policy(policy_set: PolicySet, memory: Memory | None = None) -> Compilation:
    """Compiles a policy set. What the `memory` holds of earlier compilations is not made anew: see `Compiler`.

    The stages, each of which reports all mistakes that it finds:

    1. read the manifest, which sets the limits for all that follows;
    2. parse every policy file; a mistake costs one declaration, not the file;
    3. resolve names, check types and rules, lower to a program; names that a declaration with a mistake in its text
       would have declared are not reported as unknown, and with a file that is no text at all this stage is left out;
    4. read the keys, which may hold what the policies declare;
    5. read the routes, if there are any, which may ask for what the policies declare;
    6. digest the program: its revision.

    Functions are generated from the program later, by the engine, when an action is first decided.
    """
    manifest, diagnostics = read_manifest(policy_set)
    memory = memory or Memory()
    files, mistakes = memory.read(policy_set.files, manifest.limits)
    diagnostics.extend(mistakes)
    checked = Checked(None, [], ())
    if len(files) == sum(path.endswith(".policy") for path in policy_set.files):
        checked = check_files(files, policy_set.files, manifest, memory.exchange_calendar)
        diagnostics.extend(checked.diagnostics)
    keys, mistakes = _read_keys(policy_set, manifest, checked.program)
    diagnostics.extend(mistakes)
    routes, mistakes = _read_routes(policy_set, manifest, checked.program)
    diagnostics.extend(mistakes)
    program = None if any(item.severity == "error" for item in diagnostics) else checked.program
    return Compilation(
        policy_set=policy_set,
        manifest=manifest,
        modules=tuple(file.module for file in files),
        keys=keys,
        routes=routes,
        diagnostics=tuple(sorted(diagnostics, key=lambda item: item.order)),
        program=program,
        revision=None if program is None else fingerprint(program, [part.digests for part in checked.parts]),
    )


def compile_directory(path: str) -> Compiled:
    """Reads and compiles the policy set in a directory.

    Raises:
        PolicyError: the set has mistakes.
        DurwanError: the set cannot be read.
    """
    return compile_policy(read_directory(path)).finished()


def compile_sources(sources: Mapping[str, str]) -> Compiled:
    """Compiles a policy set given as texts by path.

    Raises:
        PolicyError: the set has mistakes.
    """
    return compile_policy(read_mapping(sources)).finished()


def _read_keys(
    policy_set: PolicySet, manifest: Manifest, program: Program | None
) -> tuple[StaticKeys, list[Diagnostic]]:
    """The set's own keys; what they may hold is known only of a set whose policies are without mistakes."""
    schema = None if program is None else program.schema
    return read_key_files(
        policy_set.files,
        manifest.keys,
        declared=() if schema is None else [path[4:] for path in schema.attributes if path.startswith("key.")],
        scopes=None if schema is None else schema.scopes,
        most_bytes=manifest.limits.file_bytes,
    )


def _read_routes(
    policy_set: PolicySet, manifest: Manifest, program: Program | None
) -> tuple[RoutesFile | None, list[Diagnostic]]:
    """The set's own routes; what they may ask for is known only of a set whose policies are without mistakes."""
    path = ROUTES if manifest.routes is None else manifest.routes
    content = policy_set.files.get(path)
    if content is None:
        return None, []  # a manifest that names a file which is not there has been reported
    schema = None if program is None else program.schema
    return read_routes(path, content, schema, most_bytes=manifest.limits.file_bytes)
