"""What a command found out, as data that every format can write: diagnostics, and whatever has a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from durwan.cli.findings import case_form
from durwan.workshop.failures import draw_failure, summarize_failure

if TYPE_CHECKING:
    from durwan.diagnostics import Diagnostic, Span
    from durwan.diagnostics.terminal import Style
    from durwan.workshop.runner import CaseResult

Verdict = Literal["passed", "failed", "skipped", "undecided"]


class Judgement(Protocol):
    """One thing that was judged, such as a test case; a command that judges others has its own class for them."""

    @property
    def kind(self) -> str:
        """What it is, in one word: `case`, and whatever further commands judge."""
        ...

    @property
    def name(self) -> str:
        """What tells it from the others, as written."""
        ...

    @property
    def verdict(self) -> Verdict:
        """How it was judged; `undecided` is never as good as `passed`."""
        ...

    @property
    def span(self) -> Span | None:
        """Where it stands; None for what has no text of its own."""
        ...

    @property
    def reason(self) -> str:
        """Why it failed, is undecided or was skipped, in one line; empty where it passed."""
        ...

    def draw(self, style: Style, root: str) -> str:
        """For people: several lines, the last one ended by a line break."""
        ...

    def form(self, root: str) -> dict[str, Any]:
        """For programs: the fields of the interface page, as JSON has them."""
        ...


@dataclass(frozen=True, slots=True)
class CaseJudgement:
    """A test case, judged by the decision that it got."""

    result: CaseResult
    kind: str = "case"

    @property
    def name(self) -> str:
        """The name of the case, with the combination of its matrix."""
        return self.result.case.name

    @property
    def verdict(self) -> Verdict:
        """What became of it."""
        return self.result.verdict

    @property
    def span(self) -> Span | None:
        """Where its name stands."""
        return self.result.case.span

    @property
    def reason(self) -> str:
        """What differs from what was expected, or why it is skipped."""
        if self.verdict == "skipped":
            return self.result.case.skip or ""
        return summarize_failure(self.result) if self.verdict == "failed" else ""

    def draw(self, style: Style, root: str) -> str:
        """The failure, explained."""
        return draw_failure(self.result, style, root=root)

    def form(self, root: str) -> dict[str, Any]:
        """The fields of a case."""
        return case_form(self.result, root)


def _nothing() -> dict[str, Any]:
    return {}


def _no_summary(_style: Style) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that one run of a command found out.

    Attributes:
        root: what stands before the paths of files, such as the directory of the policy set.
        revision: that of the policy set; None where it does not compile.
        code: the exit code.
        diagnostics: those that count, in source order.
        judgements: whatever has a verdict, in the order in which it was judged.
        strict: whether warnings are findings too.
        complaints: what is wrong with the run as a whole and stands nowhere in a file, a sentence each.
        totals: figures for programs, such as a coverage, beside those that the formats count themselves.
        document: the command's own fields of the JSON document, `totals` and all; made only for that format.
        summary: the last lines for people, left out with `--quiet`.
        seconds: how long the judging took; None where nobody measured it.
    """

    root: str
    revision: str | None
    code: int
    diagnostics: Sequence[Diagnostic] = ()
    judgements: Sequence[Judgement] = ()
    strict: bool = False
    complaints: Sequence[str] = ()
    totals: Callable[[], Mapping[str, Any]] = _nothing
    document: Callable[[], Mapping[str, Any]] = _nothing
    summary: Callable[[Style], str] = _no_summary
    seconds: float | None = None

    @property
    def compiled(self) -> bool:
        """Whether the policy set compiles."""
        return self.revision is not None

    def counts(self, diagnostic: Diagnostic) -> bool:
        """Whether the diagnostic is a finding by itself, and not only something to know."""
        return self.strict or diagnostic.severity == "error"

    def bad(self) -> Iterator[Judgement]:
        """What failed or is undecided."""
        return (each for each in self.judgements if each.verdict in {"failed", "undecided"})

    def tally(self) -> dict[str, int]:
        """How many things were judged how, and how many diagnostics of each severity there are."""
        verdicts = Counter(each.verdict for each in self.judgements)
        severities = Counter(item.severity for item in self.diagnostics)
        return {
            **{verdict: verdicts[verdict] for verdict in ("passed", "failed", "skipped", "undecided")},
            "errors": severities["error"],
            "warnings": severities["warning"],
        }
