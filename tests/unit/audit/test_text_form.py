"""What is written of a record at once, and what of it has to be looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durwan.audit.entry import text_of
from durwan.audit.masking import Masking
from durwan.audit.plain import PlainForm
from durwan.audit.record import DecisionRecord
from durwan.audit.text_form import TextForm
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text
from durwan.model.values import StringSet
from tests.audit_logs import CONTEXTS, NOW, record

KEY: Final = Secret(b"sixteen bytes or more")
MASKINGS: Final = (
    Masking(),
    Masking(mask=["a.*", "path"], hashed=["client.ip", "request.side", "key"], key=KEY),
    Masking(mask=["key.id", "session"], hashed=["b.a", "b.side"], key=KEY),
)


def _read_only(attributes: dict[str, object]) -> Mapping[str, object]:
    return MappingProxyType(attributes)


_SECRET: Final = new_secret_text("dwk", None)
_NAMES: Final[tuple[str, ...]] = (
    "a", "b", "side", "ip", "id", "", " ", "a!", "ä", "$a", "bandwidth", "password", "x" * 64, "x" * 65, _SECRET, "%s",
)  # fmt: skip
_TEXTS: Final = st.sampled_from(
    ["", "a", "BTC-PERP", '"\\\n', "ä€😀", "\ud800", "%s", "x" * 256, "x" * 257, "ä" * 600, "dwell", _SECRET]
) | st.text(max_size=5)
_NUMBERS: Final[st.SearchStrategy[object]] = st.sampled_from(
    [0, 1, -(2**63), 2**63, 10**200, True, False, None, 1.5, 1e300, float("nan"), 2.0]
)
_OTHERS: Final[st.SearchStrategy[object]] = st.sampled_from(
    [
        Decimal("2500.00"), Decimal("1E+3"), Decimal("NaN"), timedelta(minutes=90), timedelta(microseconds=1),
        datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 2, 9), b"octets", Secret(b"canary"), object(),  # noqa: DTZ001
        [1, "a"], ("a", None), [["a"]], {"b": {"token": "canary"}}, ["x"] * 300, [""] * 300, ("a",) * 40,
    ]
)  # fmt: skip
_FEW: Final = st.lists(_TEXTS, max_size=4)
_SETS: Final[st.SearchStrategy[object]] = (
    _FEW | _FEW.map(tuple) | _FEW.map(set) | _FEW.map(frozenset) | _FEW.map(StringSet)
)
_ORDINARY: Final[st.SearchStrategy[object]] = st.sampled_from(
    ["a", "BTC-PERP", 7, True, None, (), ("a", "b"), StringSet({"b", "a"})]
)
_ATTRIBUTES: Final[st.SearchStrategy[dict[str, object]]] = st.one_of(
    st.dictionaries(st.sampled_from(_NAMES[:5]), _ORDINARY, max_size=4),
    st.dictionaries(st.sampled_from(_NAMES), st.one_of(_TEXTS, _NUMBERS, _SETS, _OTHERS), max_size=6),
)
_CONTEXT: Final[st.SearchStrategy[object]] = st.one_of(
    _ATTRIBUTES, _ATTRIBUTES.map(_read_only), st.sampled_from(["desk-7", None, 7, ["a"]])
)
_CONTEXTS: Final = st.dictionaries(st.sampled_from([*_NAMES, "client", "request", "key", "now"]), _CONTEXT, max_size=5)
_FIELD: Final = st.none() | _TEXTS
_RECORDS: Final = st.builds(
    DecisionRecord, decision_id=st.just("0"), time=st.just(NOW), effect=st.sampled_from(["allow", "deny"]),
    status=st.sampled_from([200, 403]), code=_TEXTS, rule=_FIELD, action=_FIELD, method=_TEXTS, path=_TEXTS,
    address=_TEXTS, key=_FIELD, subject=_FIELD, session=_FIELD, because=_FEW.map(tuple), unknowns=_FEW.map(tuple),
    contexts=_CONTEXTS,
)  # fmt: skip


@given(st.lists(_RECORDS, min_size=1, max_size=4), st.sampled_from(MASKINGS))
def test_both_ways_write_the_same(records: list[DecisionRecord], masking: Masking) -> None:
    """Whatever a record holds, and whether its names were seen before, its text is that of its plain data."""
    form, plain = TextForm(masking), PlainForm(masking)
    for each in [*records, *records]:
        assert form.of(each) == text_of(plain.of(each))


@pytest.mark.parametrize(
    "fields",
    [
        *({"contexts": {"request": {"it": each}}} for each in (
            2**63 - 1, 2**63, -(2**63) - 1, "x" * 256, "x" * 2000, "ä" * 600, _SECRET, (_SECRET,), ("",) * 256,
            ("",) * 257, [""] * 300, ["x" * 200, "x" * 200], ["x" * 2000], float("inf"), [1], ({"secret": "canary"},),
        )),
        {"contexts": {f"c{each}": {f"n{other}": other for other in range(250)} for each in range(12)}},
        {"contexts": {"request": {f"n{other}": other for other in range(300)}}},
        {"rule": "100%s %%"}, {"rule": "a%%b"}, {"rule": _SECRET}, {"path": "/" + "x" * 2000}, {"path": f"/{_SECRET}"},
        {"action": {"secret": "canary"}}, {"time": True},
    ],
)  # fmt: skip
def test_the_one_odd_thing_in_a_record_is_seen(fields: Mapping[str, Any]) -> None:
    """One attribute or field that is at a bound, or beyond it, where all others are ordinary."""
    form = TextForm(Masking())
    for each in (record("x", **fields), record("x", **fields), record("x")):
        assert form.of(each) == text_of(PlainForm(Masking()).of(each))


@pytest.mark.parametrize(
    "contexts",
    [
        CONTEXTS, {}, {"gateway": _read_only({})}, {"action": "orders.create", "now": NOW},
        {"session": {"mfa_at": datetime(2026, 3, 2, 9, tzinfo=UTC), "age": timedelta(minutes=1), "live": True}},
        {"key": {"scopes": StringSet({"b", "a"}), "networks": ("203.0.113.0/24",)}, "risk": {"score": Decimal("1.5")}},
        {"request": {"password": "canary"}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("masking", MASKINGS)
def test_what_is_ordinary_is_written_at_once(contexts: Mapping[str, Any], masking: Masking) -> None:
    """Masked or not; that it is, nobody could tell by the text."""
    found = TextForm(masking)._at_once(record("x", contexts=contexts))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - see above
    assert json.loads(found)["decision_id"] == "x"
    assert "canary" not in found


def test_names_that_nobody_needs_are_not_kept() -> None:
    """Whoever sends ever new names is given no memory for them, and each is written nevertheless."""
    form = TextForm(Masking())
    for number in range(1000):
        found = json.loads(form.of(record("x", contexts={"request": {f"n{number}": 1}, f"c{number}": {"a": 1}})))
        assert found["contexts"] == {"request": {f"n{number}": 1}, f"c{number}": {"a": 1}}
    kept = form._names  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - it is not to be seen otherwise
    assert len(kept) <= 256
    assert all(len(each.known) <= 256 for each in kept.values())
