"""The pictures: bars that are as high as their counts, ribbons that fill their ends."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from durwan.workshop.replaying.drawing import bars_of, flow_of
from durwan.workshop.replaying.running import replay
from durwan.workshop.replaying.summary import Replay, summarize
from tests.replay.logs import changed, requests, set_of, written
from tests.replay.test_known_changes import opened, question_of


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """A replay with many kinds of flips."""
    question = question_of(set_of(), changed("addresses no longer matter"))
    log = written(tmp_path_factory.mktemp("log") / "log.jsonl", requests(12_000))
    return summarize(replay(opened(log, question), question), question)


def test_bars_are_as_high_as_their_counts(found: Replay) -> None:
    """All bars together are all flips whose instant is known; the highest fills the picture."""
    bars = bars_of(found)
    assert bars is not None
    assert bars.span == "hour"
    heights = [sum(piece.height for piece in bar.pieces) for bar in bars.bars]
    assert max(heights) == pytest.approx(bars.height)
    counted = sum(count for at, _, count in found.series if at is not None)
    assert sum(heights) == pytest.approx(bars.height * counted / bars.most)
    assert all(bar.x >= 0 and bar.x + bar.width <= 100 for bar in bars.bars)
    assert bars.bars[0].title.startswith("03-02 09:00: ")


def test_the_flow_keeps_every_flip(found: Replay) -> None:
    """Both sides have all flips, and the ribbons of an answer fill its height."""
    flow = flow_of(found.groups)
    assert flow is not None
    for nodes in (flow.before, flow.after):
        assert sum(node.count for node in nodes) == found.flips
        assert all(above.y + above.height < below.y for above, below in pairwise(nodes))
    ends = [[float(each) for each in re.findall(r"-?[0-9.]+", ribbon.path)] for ribbon in flow.ribbons]
    left = sum(end[-1] - end[1] for end in ends)
    right = sum(end[9] - end[7] for end in ends)
    assert left == pytest.approx(sum(node.height for node in flow.before), abs=0.5)
    assert right == pytest.approx(sum(node.height for node in flow.after), abs=0.5)


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    """Without flips there is no flow; without requests there are no bars."""
    question = question_of(set_of(), set_of())
    none = summarize(replay(opened(written(tmp_path / "log.jsonl", []), question), question), question)
    assert (none.requests, none.flips) == (0, 0)
    assert bars_of(none) is None
    assert flow_of(none.groups) is None
