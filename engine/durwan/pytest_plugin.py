"""A plugin of pytest: the test files of policy sets are collected as tests, one for each case.

It does nothing until it is asked to, by `pytest --policy-set policies/` or by the ini option `policy_sets`. What reads
and runs policies is imported only then.
"""

# Every import costs the start of every run of pytest where this package is installed.
# ruff: noqa: PLC0415

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from durwan.compilation import Compilation
    from durwan.diagnostics import Diagnostic
    from durwan.workshop.runner import CaseResult, CaseRunner
    from durwan.workshop.test_files import Case, Suite

_OPTION: Final = "--policy-set"
_INI: Final = "policy_sets"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option and the ini option."""
    help_ = "collect the test files of the policy set in this directory too; may be given several times"
    group = parser.getgroup("durwan", "policy sets")
    group.addoption(_OPTION, action="append", metavar="PATH", default=[], help=help_)
    help_ = "directories of policy sets whose test files are collected with all other tests"
    parser.addini(_INI, help_, type="paths", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Adds the test files to what is collected, where that was asked for.

    Those of the option always; those of the ini option where pytest was not called for certain files alone.
    """
    here = config.invocation_params.dir
    option: list[str] = config.getoption(_OPTION) or []
    listed: list[Path] = config.getini(_INI)
    asked = [_absolute(here / path) for path in option]
    sets = {path: _PolicySet(path, here) for path in dict.fromkeys([*asked, *map(_absolute, listed)])}
    if not sets:
        return
    config.pluginmanager.register(_Collecting(sets.values()), "durwan-policy-sets")
    everything = config.args_source is not pytest.Config.ArgsSource.ARGS
    given = [_absolute(here / argument.partition("::")[0]) for argument in config.args]
    for path in sets if everything else asked:
        # Whoever names a test file of the set, or a case of one, wants no more of it.
        if not any(each.is_relative_to(path) for each in given):
            config.args.append(str(sets[path].folder))


def _absolute(path: Path) -> Path:
    """The path as pytest has it: links are left as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow links


class PolicyTestError(Exception):
    """Test files that cannot be run; the text is what `policy-check` says of them."""


class CaseFailedError(Exception):
    """A case that was decided otherwise than it expects."""

    def __init__(self, result: CaseResult) -> None:
        super().__init__(result.case.name)
        self.result = result


class PolicyTestFile(pytest.File):
    """One test file of a policy set."""

    policy_set: _PolicySet

    def collect(self) -> Iterator[pytest.Item]:
        """Its cases."""
        for case in self.policy_set.cases(self.path):
            item = PolicyCase.from_parent(self, name=_name(case))  # pyright: ignore[reportUnknownMemberType] - pytest's
            item.case, item.policy_set = case, self.policy_set
            yield item

    # Without a style, as pytest's own collectors have it.
    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """What is wrong with the set or the file, as drawn for people."""
        if isinstance(excinfo.value, PolicyTestError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)  # pyright: ignore[reportUnknownVariableType] - pytest's own has no type


class PolicyCase(pytest.Item):
    """One case: passes if the decision is as expected by both evaluators."""

    case: Case
    policy_set: _PolicySet

    def runtest(self) -> None:
        """Decides the request of the case and compares.

        Raises:
            CaseFailedError: the decision is another one.
        """
        if self.case.skip is not None:
            pytest.skip(self.case.skip)
        result = self.policy_set.runner.run(self.case)
        if result.verdict == "failed":
            raise CaseFailedError(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The failure as `policy-check test` explains it."""
        if not isinstance(excinfo.value, CaseFailedError):
            return super().repr_failure(excinfo, style)
        from durwan.diagnostics.terminal import Style
        from durwan.workshop.failures import draw_failure, summarize_failure

        # The first line is what the summary at the end of a run shows.
        result = excinfo.value.result
        return f"{summarize_failure(result)}\n{draw_failure(result, Style(), root=self.policy_set.root)}".rstrip("\n")

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """The file, the line from zero on, and the name."""
        line, _ = self.case.span.source.position(self.case.span.start)
        return self.path, line - 1, self.name


class _Collecting:
    """The hook that finds test files; registered only where there are policy sets to look for."""

    def __init__(self, sets: Iterable[_PolicySet]) -> None:
        self._sets = tuple(sets)

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        for policy_set in self._sets:
            if policy_set.has(file_path):
                file = PolicyTestFile.from_parent(parent, path=file_path)  # pyright: ignore[reportUnknownMemberType] - pytest's
                file.policy_set = policy_set
                return file
        return None


class _PolicySet:
    """A policy set, compiled once for all of its test files, when the first of them is collected."""

    def __init__(self, path: Path, here: Path) -> None:
        from durwan.errors import DurwanError
        from durwan.language.manifest import read_manifest
        from durwan.language.policy_set import read_directory

        self._path = path
        self._told = False
        self.root = str(path.relative_to(here) if path.is_relative_to(here) else path)
        try:
            self._files = read_directory(path)
        except DurwanError as error:
            raise pytest.UsageError(f"{_OPTION}: {error}") from None
        manifest, _ = read_manifest(self._files)
        self.folder = path / manifest.tests
        if not any(self.has(path / name) for name in self._files.files):
            raise pytest.UsageError(f"{_OPTION}: the policy set in {path} has no test files in {manifest.tests}/")

    def has(self, path: Path) -> bool:
        """Whether a file is one of its test files."""
        return path.suffix in {".yaml", ".yml"} and path.is_relative_to(self.folder) and path.is_file()

    def cases(self, path: Path) -> list[Case]:
        """The cases of one file.

        Raises:
            PolicyTestError: the set does not compile, or there is something wrong with the file.
        """
        if self._compilation.program is None:
            self._refuse()
        name = path.relative_to(self._path).as_posix()
        mistakes = [item for item in self._mistakes if item.span.source.path == name]
        if mistakes:
            raise PolicyTestError(self._drawn(mistakes))
        file = self._suite.files.get(name)
        return [] if file is None else list(file.cases)

    def _refuse(self) -> NoReturn:
        """Says what keeps the set from compiling, for the first of its test files in full."""
        errors = [item for item in self._compilation.diagnostics if item.severity == "error"]
        head = f"{self.root} does not compile"
        if self._told:
            raise PolicyTestError(f"{head}; see the first of its test files")
        self._told = True
        raise PolicyTestError(f"{head}\n{self._drawn(errors)}")

    def _drawn(self, diagnostics: Iterable[Diagnostic]) -> str:
        from durwan.diagnostics.terminal import Style, draw_all

        return "".join(draw_all(diagnostics, Style(), root=self.root)).rstrip("\n")

    @cached_property
    def runner(self) -> CaseRunner:
        """What runs the cases; those that bring no `now` go by the moment at which it was made."""
        from durwan.workshop.runner import CaseRunner

        began = time.time_ns() // 1_000_000
        return CaseRunner(self._compilation.finished(), lambda: began)

    @cached_property
    def _compilation(self) -> Compilation:
        from durwan.compilation import compile_policy

        return compile_policy(self._files)

    @cached_property
    def _suite(self) -> Suite:
        from durwan.workshop.test_files import read_suite

        return read_suite(self._files, self._compilation.manifest)

    @cached_property
    def _mistakes(self) -> list[Diagnostic]:
        """The errors in the test files."""
        from durwan.workshop.suite_checks import check_suite

        program = self._compilation.finished().program
        found = [*self._suite.diagnostics, *check_suite(self._suite, program)]
        return [item for item in found if item.severity == "error"]


def _name(case: Case) -> str:
    from durwan.diagnostics.terminal import visible

    return visible(case.name)
