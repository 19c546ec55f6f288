"""Budgets: what they say, what they find, and what is no budget."""

from __future__ import annotations

from decimal import Decimal

import pytest

from durwan.workshop.replaying.budgets import COUNTS, BudgetError, read_budget
from durwan.workshop.replaying.running import replay
from durwan.workshop.replaying.summary import Replay, summarize
from tests.replay.logs import changed, requests, set_of, written
from tests.replay.test_known_changes import opened, question_of

AMOUNTS = ("request.notional", "request.price", "order.price")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """A replay with flips of three kinds."""
    question = question_of(set_of(), changed("a lower threshold refuses more"))
    log = written(tmp_path_factory.mktemp("log") / "log.jsonl", requests(2_000))
    return summarize(replay(opened(log, question), question), question)


@pytest.mark.parametrize("count", COUNTS)
def test_each_count_has_its_number(found: Replay, count: str) -> None:
    """A budget of one less than there are is exceeded, one of as many is kept, unless the limit itself is too much."""
    numbers: dict[str, int] = {
        **{str(kind): number for kind, number in found.kinds.items()},
        "flips": found.flips,
        "broken": 3,
        "no-longer-allowed": found.effects["allow", "deny"] + found.effects["allow", "challenge"],
    }
    number = numbers[count]
    for text, exceeded in (
        (f"{count}>{number}", False),
        (f"{count} >= {number}", True),
        (f" {count} > 0 ", number > 0),
    ):
        spent = read_budget(text, AMOUNTS).spent(found, broken=3)
        assert (spent.text, spent.found, spent.exceeded) == (text.strip(), f"{number:,}", exceeded)


def test_a_share_is_exact(found: Replay) -> None:
    """A share at the very limit is kept, and the least more is exceeded."""
    share = Decimal(found.flips * 100) / found.requests
    assert not read_budget(f"flips > {share}%", AMOUNTS).spent(found, 0).exceeded
    assert read_budget(f"flips >= {share} %", AMOUNTS).spent(found, 0).exceeded
    assert read_budget(f"flips > {share - Decimal('0.0000001')}%", AMOUNTS).spent(found, 0).exceeded


def test_amounts_are_sums(found: Replay) -> None:
    """An amount is named by its path or its name, and its sum over the requests is compared."""
    total = found.amounts["newly-denied"]["request.notional"].total
    assert total > 0
    for name in ("notional", "request.notional"):
        assert not read_budget(f"newly-denied {name} > {total}", AMOUNTS).spent(found, 0).exceeded
        assert read_budget(f"newly-denied {name} >= {total}", AMOUNTS).spent(found, 0).exceeded
    everything = sum(each["request.notional"].total for each in found.amounts.values())
    assert read_budget("flips notional > 1_000", AMOUNTS).spent(found, 0).found == f"{everything:,f}"
    lost = sum(
        each.all.amounts["request.notional"].total
        for each in found.groups
        if each.before.effect == "allow" and each.after.effect != "allow"
    )
    assert read_budget("no-longer-allowed notional > 0", AMOUNTS).spent(found, 0).found == f"{Decimal(lost):,f}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no budget: write as"),
        ("newly-allowed", "is no budget: write as"),
        ("newly-allowed > 0 or flips > 1", "is no budget"),
        ("newly-alowed > 0", "nothing counts newly-alowed; did you mean newly-allowed? It can be flips, "),
        ("things > 0", "nothing counts things; It can be flips, newly-allowed"),
        ("flips < 5", "a budget says what is too much, by > or >="),
        ("flips == 5", "by > or >="),
        ("flips > many", "many is no number; write 1000000, 1_000_000, 0.5 or 0.1%"),
        ("flips > -1", "-1 is no number"),
        ("flips > 1,000", "1,000 is no number"),
        ("flips volume > 5", "volume is not added up; these are: request.notional, request.price, order.price."),
        ("flips price > 5", "price is said of request.price, order.price; write the whole path"),
        ("flips notional > 5%", "a share is one of requests"),
        ("broken notional > 5", "broken records say no amounts"),
    ],
)
def test_what_is_no_budget_is_told(text: str, said: str) -> None:
    """A text that is no budget gets an error that says what may stand there."""
    with pytest.raises(BudgetError) as caught:
        read_budget(text, AMOUNTS)
    assert said in str(caught.value)
