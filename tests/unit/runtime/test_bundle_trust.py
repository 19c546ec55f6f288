"""Whose bundles are taken, in which order, and until when."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from durwan.credentials.ed25519 import pem_of
from durwan.runtime.bundle import BundleError, Trust, accept
from durwan.runtime.bundle_state import read_state
from durwan.runtime.bundle_trust import TrustError, read_public_key
from tests.bundles import DAY, NOW, POLICY, bundle_of, public, read, signed, trusting

SMALLER = POLICY.rpartition("allow cancel")[0]  # two of the four rules
SMALLEST = POLICY.rpartition("allow trade")[0]  # one


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where an engine remembers what it accepted."""
    return tmp_path / "state.json"


def take(content: bytes, trust: Trust) -> int:
    """Reads and accepts a bundle, as an engine does, and returns its version."""
    bundle = read(content, trust)
    accept(bundle)
    return bundle.version


# ------------------------------------------------------------------------------------------------------ giving trust


def test_trust_needs_keys_that_can_be_trusted() -> None:
    """A key of small order, one twice and a threshold out of reach are refused when trust is given."""
    with pytest.raises(TrustError, match="small order"):
        Trust(keys=(bytes(32),))
    with pytest.raises(TrustError, match="given twice"):
        Trust(keys=(public(1), public(1)))
    for keys, threshold in (((), 1), ((public(1),), 0), ((public(1),), 2), ((public(1),), -1)):
        with pytest.raises(TrustError, match="cannot be asked for"):
            Trust(keys=keys, threshold=threshold)


def test_a_public_key_is_read_from_its_file(tmp_path: Path) -> None:
    """A file that is not there, or no key, is told with its name."""
    (tmp_path / "a.pub").write_bytes(pem_of(public(1)))
    assert read_public_key(tmp_path / "a.pub") == public(1)
    with pytest.raises(TrustError, match=r"b\.pub cannot be read: No such file"):
        read_public_key(tmp_path / "b.pub")
    (tmp_path / "c.pub").write_bytes(pem_of(bytes(32)))
    with pytest.raises(TrustError, match=r"c\.pub cannot be used: .*small order"):
        read_public_key(tmp_path / "c.pub")


# ------------------------------------------------------------------------------------------------------------ versions


def test_versions_only_go_up(state: Path) -> None:
    """The next one follows, also with a gap; the same bundle may come again; an older one and another do not."""
    trust = trusting(1, state=state)
    first, second, fifth = (signed(bundle_of(number), 1) for number in (1, 2, 5))
    assert [take(each, trust) for each in (first, first, second, fifth, fifth)] == [1, 1, 2, 5, 5]
    for old in (first, second):
        with pytest.raises(BundleError, match=r"has version \d, and 5 was accepted here before"):
            read(old, trust)
    other = signed(bundle_of(5, created=NOW), 1)
    with pytest.raises(BundleError, match="another bundle of the same version, 5"):
        read(other, trust)


def test_the_same_bundle_may_gain_signatures(state: Path) -> None:
    """A bundle is known by its manifest, whoever else signs it."""
    trust = trusting(1, 2, state=state)
    assert take(signed(bundle_of(3), 1), trust) == 3
    assert take(signed(bundle_of(3), 1, 2), trust) == 3


def test_reading_remembers_nothing(state: Path) -> None:
    """Only what was accepted counts: a bundle that fails its self-tests must not shut out the one before."""
    trust = trusting(1, state=state)
    read(signed(bundle_of(9), 1), trust)
    assert not state.exists()
    assert take(signed(bundle_of(1), 1), trust) == 1


def test_without_state_nothing_is_remembered(tmp_path: Path) -> None:
    """Then versions do not matter; nothing is written."""
    trust = trusting(1)
    assert [take(signed(bundle_of(number), 1), trust) for number in (2, 1)] == [2, 1]
    accept(read(bundle_of(1)))
    assert list(tmp_path.iterdir()) == []


def test_the_highest_version_can_be_accepted(state: Path) -> None:
    """2**63 - 1 is a version like any other; nothing follows it."""
    trust = trusting(1, state=state)
    assert take(signed(bundle_of(2**63 - 1), 1), trust) == 2**63 - 1
    with pytest.raises(BundleError, match="was accepted here before"):
        read(signed(bundle_of(2**63 - 2), 1), trust)


def test_accepting_looks_again(state: Path) -> None:
    """What was read while an older version was the last one is refused when a newer one was accepted meanwhile."""
    trust = trusting(1, state=state)
    slow = read(signed(bundle_of(2), 1), trust)
    assert take(signed(bundle_of(3), 1), trust) == 3
    with pytest.raises(BundleError, match="has version 2, and 3 was accepted"):
        accept(slow)
    kept = read_state(state)
    assert kept is not None
    assert kept.version == 3


def _accept_all(path: str, numbers: list[int]) -> None:
    trust = trusting(1, state=path)
    for number in numbers:
        try:
            take(signed(bundle_of(number), 1), trust)
        except BundleError:
            continue


def test_processes_that_accept_at_once_keep_the_highest(state: Path) -> None:
    """Whichever order they come in, no process takes the version back, and the file is never in pieces."""
    started = [
        multiprocessing.get_context("spawn").Process(target=_accept_all, args=(str(state), list(range(1 + n, 40, 3))))
        for n in range(3)
    ]
    for each in started:
        each.start()
    seen = [0]
    while any(each.is_alive() for each in started):
        kept = read_state(state)
        seen.append(0 if kept is None else kept.version)
    for each in started:
        each.join()
        assert each.exitcode == 0
    assert seen == sorted(seen)
    kept = read_state(state)
    assert kept is not None
    assert kept.version == 39
    assert sorted(path.name for path in state.parent.iterdir()) == ["state.json", "state.json.lock"]


# --------------------------------------------------------------------------------------------------------------- state


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"{}", b'{"version": 1}', b"\xff" * 100, b"[" * 90_000],
)
def test_a_damaged_state_accepts_nothing(state: Path, content: bytes) -> None:
    """Whoever can damage the file must not gain by it."""
    trust = trusting(1, state=state)
    bundle = read(signed(bundle_of(1), 1), trust)
    state.write_bytes(content)
    for step in (lambda: read(signed(bundle_of(1), 1), trust), lambda: accept(bundle)):
        with pytest.raises(BundleError, match="is damaged: restore it; or delete it"):
            step()


@pytest.mark.parametrize(
    "fields",
    [{"version": "1"}, {"version": True}, {"rules": 1.5}, {"name": 1}, {"keys": []}, {"keys": ["x"]}, {"keys": 5}],
)
def test_a_state_of_other_fields_accepts_nothing(state: Path, fields: dict[str, Any]) -> None:
    """A file that somebody edited is one that is damaged."""
    trust = trusting(1, state=state)
    take(signed(bundle_of(1), 1), trust)
    state.write_text(json.dumps({**json.loads(state.read_text()), **fields}))
    with pytest.raises(BundleError, match="is damaged"):
        read(signed(bundle_of(2), 1), trust)


def test_a_state_that_cannot_be_written_accepts_nothing(tmp_path: Path) -> None:
    """What is not on disk is not accepted."""
    trust = trusting(1, state=tmp_path / "nowhere" / "state")
    bundle = read(signed(bundle_of(1), 1), trust)
    with pytest.raises(BundleError, match=r"cannot be written down in .*nowhere"):
        accept(bundle)
    with pytest.raises(BundleError, match="cannot be read from"):
        read(signed(bundle_of(1), 1), trusting(1, state=tmp_path))


# ------------------------------------------------------------------------------------------------------- other keys


def test_one_more_key_resets_nothing(state: Path) -> None:
    """As long as a key of before is trusted, versions go on."""
    take(signed(bundle_of(5), 1), trusting(1, state=state))
    for trust in (trusting(1, 2, state=state), trusting(1, state=state)):
        with pytest.raises(BundleError, match="5 was accepted here before"):
            read(signed(bundle_of(4), 1), trust)


def test_new_keys_recover_from_a_version_that_nothing_can_follow(state: Path) -> None:
    """Whoever stole a key signed the highest version; with other keys, versions start anew without its bundles."""
    take(signed(bundle_of(2**63 - 1), 1), trusting(1, state=state))
    fresh = trusting(2, state=state)
    assert take(signed(bundle_of(3), 2), fresh) == 3
    with pytest.raises(BundleError, match="0 of the 1 trusted keys"):
        read(signed(bundle_of(2**63 - 1), 1), fresh)
    with pytest.raises(BundleError, match="3 was accepted"):
        read(signed(bundle_of(2), 2), fresh)


def test_going_back_to_old_keys_resets_nothing(state: Path) -> None:
    """All keys that were ever trusted here count: no bundle of theirs can be played back once they are again."""
    take(signed(bundle_of(5), 1), trusting(1, state=state))
    take(signed(bundle_of(2), 2), trusting(2, state=state))
    with pytest.raises(BundleError, match="2 was accepted"):
        read(signed(bundle_of(1), 1), trusting(1, state=state))


def test_a_rotation_in_steps_resets_nothing(state: Path) -> None:
    """One key after the other may be replaced, and the threshold raised: versions go on."""
    take(signed(bundle_of(5), 1, 2, 3), trusting(1, state=state))
    take(signed(bundle_of(6), 2, 3), trusting(1, 2, 3, threshold=2, state=state))
    for keys in ((1, 3), (3, 4), (2, 4)):
        with pytest.raises(BundleError, match="6 was accepted"):
            read(signed(bundle_of(5), *keys), trusting(*keys, threshold=2, state=state))
    assert take(signed(bundle_of(1), 4, 5), trusting(4, 5, threshold=2, state=state)) == 1


# ---------------------------------------------------------------------------------------------------------- its life


def test_a_bundle_expires(state: Path) -> None:
    """From the instant on that it gives, it is refused, also where it was accepted before."""
    content = signed(bundle_of(1, expires=NOW), 1)
    trust = trusting(1, state=state)
    bundle = read(content, trust, NOW - 1)
    accept(bundle)
    for now in (NOW, NOW + DAY):
        with pytest.raises(BundleError, match="has expired"):
            read(content, trust, now)
        with pytest.raises(BundleError, match="has expired"):
            read(content, None, now)


@pytest.mark.parametrize(
    ("created", "now", "ageing"),
    [
        (NOW - 10 * DAY, NOW, False),
        (NOW - 10 * DAY, NOW + 1, True),
        (NOW - 10 * DAY, NOW - 10 * DAY, False),
        (NOW + DAY, NOW, False),  # a clock that lags behind
        (None, NOW + 3 * DAY - 1, False),
        (None, NOW + 3 * DAY, True),
    ],
)
def test_a_bundle_grows_old(created: int | None, now: int, *, ageing: bool) -> None:
    """Past half of its life it says so; where its beginning is not known, in its last seven days."""
    assert read(bundle_of(1, created=created, expires=NOW + 10 * DAY), now=now).ageing is ageing


def test_without_expiry_it_never_grows_old() -> None:
    """A bundle that does not expire is never late."""
    assert not read(bundle_of(1, created=NOW - 10_000 * DAY)).ageing


# ------------------------------------------------------------------------------------------------------ what it loses


def test_half_of_the_rules_may_go(state: Path) -> None:
    """Two of four rules are enough; one is not, unless that is said to be meant."""
    trust = trusting(1, state=state)
    take(signed(bundle_of(1), 1), trust)
    assert read(signed(bundle_of(2, policy=SMALLER), 1), trust).version == 2
    content = signed(bundle_of(2, policy=SMALLEST), 1)
    with pytest.raises(BundleError, match="has 1 rules, and the last one had 4: allow_shrink takes it nevertheless"):
        read(content, trust)
    assert take(content, trusting(1, state=state, allow_shrink=True)) == 2


def test_no_rules_at_all_need_a_word_even_at_first(state: Path) -> None:
    """A bundle that denies everything is a mistake more often than a wish."""
    content = signed(bundle_of(1, policy="actions { orders.create }"), 1)
    with pytest.raises(BundleError, match="no rules, and would deny everything"):
        read(content, trusting(1, state=state))
    assert read(content, trusting(1, allow_shrink=True)).version == 1
    assert read(content).version == 1


# ---------------------------------------------------------------------------------------------------------- its name


def test_a_bundle_of_another_policy_set_is_refused(state: Path) -> None:
    """By the name that is expected, and by that of the last one."""
    content = signed(bundle_of(2, name="other"), 1)
    with pytest.raises(BundleError, match="is one of `other`, and `desk` is expected here"):
        read(content, trusting(1, name="desk"))
    take(signed(bundle_of(1), 1), trusting(1, state=state))
    with pytest.raises(BundleError, match="is one of `other`; the last one accepted here was one of `desk`"):
        read(content, trusting(1, state=state))
