"""JUnit's XML, as build servers read it: a suite for the policy set, and one for each file with cases or mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from durwan.diagnostics.codes import CODES
from durwan.diagnostics.terminal import Style, draw, located, visible

if TYPE_CHECKING:
    from durwan.cli.judgements import Findings, Judgement
    from durwan.cli.output import Output
    from durwan.diagnostics import Diagnostic


def render(findings: Findings, output: Output) -> Iterator[str]:
    """The whole document, in ASCII: characters beyond are written as their numbers."""
    top = Element("testsuites", name=f"policy-check {output.command}")
    suites = _Suites(top, findings.root)
    for point in _points(findings):
        suites.add(*point)
    for suite in [*top, top]:
        _count(suite)
    if findings.seconds is not None:
        top.set("time", f"{findings.seconds:.3f}")
    indent(top)
    yield f'<?xml version="1.0" encoding="us-ascii"?>\n{tostring(top, encoding="us-ascii").decode("ascii")}\n'


class _Suites:
    """The suites by file, made when first needed."""

    def __init__(self, top: Element, root: str) -> None:
        self._top = top
        self._root = root
        self._suites: dict[str, Element] = {}

    def add(self, file: str | None, line: int | None, case: Element) -> None:
        """One more case, in the suite of its file; None is the policy set as such."""
        name = visible(self._root if file is None else located(file, self._root))
        suite = self._suites.get(name)
        if suite is None:
            suite = self._suites[name] = SubElement(self._top, "testsuite", name=name)
        case.set("classname", name)
        if file is not None and line is not None:
            case.set("file", name)
            case.set("line", str(line))
        suite.append(case)


def _points(findings: Findings) -> Iterator[tuple[str | None, int | None, Element]]:
    """Each case with the file and the line where it stands."""
    compiles = Element("testcase", name="the policy set compiles")
    if not findings.compiled:
        SubElement(compiles, "failure", message="it does not", type="error")
    yield None, None, compiles
    for item in findings.diagnostics:
        line, _ = item.span.source.position(item.span.start)
        yield item.span.source.path, line, _diagnostic(item, findings)
    for judgement in findings.judgements:
        span, case = judgement.span, _judgement(judgement, findings.root)
        if span is None:
            yield None, None, case
        else:
            yield span.source.path, span.source.position(span.start)[0], case
    for complaint in findings.complaints:
        case = Element("testcase", name=visible(complaint))
        SubElement(case, "failure", message=visible(complaint), type="error")
        yield None, None, case


def _diagnostic(item: Diagnostic, findings: Findings) -> Element:
    """What is not a finding by itself passes, and is told as the output of its case."""
    line, column = item.span.source.position(item.span.start)
    case = Element("testcase", name=f"{item.code} {CODES[item.code].name} {line}:{column}")
    text = draw(item, Style(), root=findings.root)
    if findings.counts(item):
        SubElement(case, "failure", message=visible(item.message), type=item.severity).text = text
    else:
        SubElement(case, "system-out").text = text
    return case


def _judgement(judgement: Judgement, root: str) -> Element:
    case = Element("testcase", name=visible(judgement.name))
    message = visible(judgement.reason)
    if judgement.verdict == "skipped":
        SubElement(case, "skipped", message=message)
    elif judgement.verdict != "passed":
        kind = "failure" if judgement.verdict == "failed" else "error"
        SubElement(case, kind, message=message, type=judgement.verdict).text = judgement.draw(Style(), root)
    return case


def _count(suite: Element) -> None:
    """The numbers that readers show before they look at the cases."""
    suite.set("tests", str(len(list(suite.iter("testcase")))))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(list(suite.iter(tag)))))
