"""The cases that a manifest says no release may fail: they have to exist, and to be run."""

from __future__ import annotations

from collections.abc import Iterator

from durwan.compilation import Compilation
from durwan.diagnostics import Diagnostic
from durwan.diagnostics.yaml_document import Document, read_yaml
from durwan.language.manifest import MANIFEST
from durwan.language.suggestions import Suggestions
from durwan.workshop import mistakes
from durwan.workshop.test_files import Suite


def check_must_pass(compilation: Compilation, suite: Suite) -> Iterator[Diagnostic]:
    """A mistake for each name in `must_pass` that no case has, and for each whose cases are all skipped."""
    wanted = compilation.manifest.must_pass
    if not wanted:
        return
    document = _manifest(compilation)
    titles = {shape.name for file in suite.files.values() for shape in file.shape.cases}
    run = {case.title for case in suite.cases if case.skip is None}
    skipped = {case.title: case.span for case in suite.cases if case.title not in run}
    suggestions = Suggestions()
    for position, name in enumerate(wanted):
        span = document.span(("must_pass", position))
        if name in skipped:
            yield mistakes.must_pass_skipped(skipped[name], name, span)
        elif name not in titles and suite.complete:
            yield mistakes.must_pass_missing(span, name, suggestions.nearest(name, titles))


def _manifest(compilation: Compilation) -> Document:
    """The manifest's text, which was read without a mistake before."""
    document, _ = read_yaml(MANIFEST, compilation.policy_set.files[MANIFEST])
    if document is None:
        raise AssertionError("a manifest that names cases can be read")
    return document
