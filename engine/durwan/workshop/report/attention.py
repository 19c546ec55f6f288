"""What somebody has to look at: the first thing that a report says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from durwan.workshop.report.content import Exceptions, HygieneSection, InvariantEntry, Remark, Tests, Warned


def remarks_of(
    invariants: Sequence[InvariantEntry],
    tests: Tests,
    exceptions: Exceptions,
    hygiene: Sequence[HygieneSection],
    warnings: Sequence[Warned],
) -> list[Remark]:
    """The remarks, those first that are worst, each with the place where the report says more."""
    found = _all_remarks(invariants, tests, exceptions, hygiene, warnings)
    return sorted(found, key=lambda each: each.tone)  # `bad` comes before `odd`


def _all_remarks(
    invariants: Sequence[InvariantEntry],
    tests: Tests,
    exceptions: Exceptions,
    hygiene: Sequence[HygieneSection],
    warnings: Sequence[Warned],
) -> Iterator[Remark]:
    yield from _about_invariants(invariants)
    yield from _about_tests(tests)
    for section in hygiene:
        if section.severity == "high":
            yield Remark(
                tone="bad", words=f"{_counted(section.total, 'grave finding')} about keys", anchor="hygiene-high"
            )
    yield from _about_time(exceptions)
    for count, noun, anchor in (
        (len(exceptions.trials), "rule on trial", "trials"),
        (len(exceptions.suppressions), "suppressed warning", "suppressions"),
        (len(warnings), "warning", "warnings"),
    ):
        if count:
            yield Remark(tone="odd", words=_counted(count, noun), anchor=anchor)


def _about_invariants(invariants: Sequence[InvariantEntry]) -> Iterator[Remark]:
    if not invariants:
        yield Remark(tone="odd", words="no invariant is declared: nothing is proved", anchor="invariants")
    for each in invariants:
        if each.verdict != "proved":
            words = f"the invariant `{each.name}` is {each.verdict}"
            yield Remark(
                tone="bad" if each.verdict == "refuted" else "odd", words=words, anchor=f"invariant-{each.name}"
            )


def _about_tests(tests: Tests) -> Iterator[Remark]:
    if not tests.files:
        yield Remark(tone="bad", words="no test case was run", anchor="tests")
    failed, skipped = (sum(getattr(each, verdict) for each in tests.files) for verdict in ("failed", "skipped"))
    if failed:
        yield Remark(tone="bad", words=f"{_counted(failed, 'test case')} failed", anchor="tests")
    if skipped:
        yield Remark(tone="odd", words=f"{_counted(skipped, 'test case')} not run", anchor="tests")
    missing = tests.all.total - tests.all.reached
    if missing:
        words = f"{missing:,} of {tests.all.total:,} conditions and borders without a test case"
        yield Remark(tone="odd", words=words, anchor="coverage")


def _about_time(exceptions: Exceptions) -> Iterator[Remark]:
    for state, of_dates, of_keys in (
        ("over", "in the policies: passed", "kept: expired"),
        ("soon", "in the policies: within 90 days", "in use: to expire within 90 days"),
    ):
        found = [each for each in exceptions.expiries if each.state == state]
        keys = sum(each.kind == "key" for each in found)
        for count, noun, words in ((len(found) - keys, "date", of_dates), (keys, "key", of_keys)):
            if count:
                yield Remark(tone="odd", words=f"{_counted(count, noun)} {words}", anchor="exceptions")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
