"""What is told while the tests run: how far they have come, and in a format of lines each case at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durwan.cli.formats import tell_early
from durwan.cli.judgements import CaseJudgement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durwan.cli.output import Output
    from durwan.cli.progress import ProgressBar
    from durwan.workshop.runner import CaseResult
    from durwan.workshop.verification import Follow


def follow_cases(output: Output, bar: ProgressBar, root: str) -> Follow:
    """What to give `verify`: it passes on every result, and tells of it."""

    def follow(results: Iterator[CaseResult], count: int) -> Iterator[CaseResult]:
        bar.begin("testing", count)
        for result in results:
            tell_early(output, CaseJudgement(result), root)
            bar.advance()
            yield result
        bar.begin("looking for further mistakes")

    return follow
