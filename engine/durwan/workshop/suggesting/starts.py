"""Where suggested cases start from: the requests that a policy set's own cases start from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from durwan.model.values import format_instant
from durwan.workshop.merging import merge
from durwan.workshop.test_files import SHARED_FILES, Suite, SuiteFile

_MOST: Final = 3


@dataclass(frozen=True, slots=True)
class Start:
    """A request to change: `fixtures`, one laid over the other, at the instant `now` where they say none.

    Without fixtures nothing stands there yet, and `request` is that of a case which writes everything out.
    """

    fixtures: tuple[str, ...]
    now: object
    request: Mapping[str, Any]


def starts_of(suite: Suite, now: object) -> dict[str, list[Start]]:
    """For each action of some case the requests that cases about it start from, the most frequent ones first.

    `now` is the instant of those that have none.
    """
    shared = _shared_fixtures(suite)
    found: dict[str, dict[object, Start]] = {}
    counts: Counter[tuple[str, object]] = Counter()
    for path, file in suite.files.items():
        for action, start in _starts(file, shared, now):
            key = start.fixtures or path
            found.setdefault(action, {}).setdefault(key, start)
            counts[action, key] += 1
    return {
        action: [starts[key] for key in sorted(starts, key=lambda key: -counts[action, key])[:_MOST]]
        for action, starts in found.items()
    }


def common_instant(suite: Suite, near: int) -> object:
    """The `now` that most test files have; the instant `near`, in milliseconds, where none has one."""
    given = Counter(file.shape.now for file in suite.files.values() if file.shape.now is not None)
    return given.most_common(1)[0][0] if given else format_instant(near)


def _shared_fixtures(suite: Suite) -> dict[str, Mapping[str, Any]]:
    return {
        name: request
        for path, file in suite.files.items()
        if path.rpartition("/")[2] in SHARED_FILES
        for name, request in file.shape.fixtures.items()
    }


def _starts(file: SuiteFile, shared: Mapping[str, Mapping[str, Any]], now: object) -> list[tuple[str, Start]]:
    """The action of each case and what it starts from: fixtures that other files can use too, or its own request."""
    shapes = {shape.name: shape for shape in file.shape.cases}
    found: list[tuple[str, Start]] = []
    instant = now if file.shape.now is None else file.shape.now
    for case in file.cases:
        action, names = case.request.get("action"), tuple(shapes[case.title].fixtures)
        if not isinstance(action, str) or case.skip is not None:
            continue
        if names and all(name in shared for name in names):
            request: Mapping[str, Any] = {}
            for name in names:
                request = merge(request, shared[name])
            found.append((action, Start(names, instant, request)))
        else:
            found.append((action, Start((), instant, case.request)))
    return found
