"""W6: recorded requests of W1 by the million, as columns; and a second revision of W1's rules.

They are drawn as W1 draws its 2,000, each with an address, an instant and a score of its own: the same weights of
actions, keys, networks and desk hours.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.workloads import w1
from durwan.workshop.replaying.chance import Chance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEED = 6
STEP = 262_144
"""Rows of a part of the table."""
MARCH_2ND = 1_772_409_600_000
"""2026-03-02T00:00:00Z, a Monday."""
HOUR = 3_600_000
NEXT = w1.POLICY.replace("risk.score >= 90", "risk.score >= 85").replace("< 300s", "< 240s")
"""The second revision: lower scores are refused, and MFA has to be younger."""


def make_rows(first: int, count: int, keys: Mapping[str, Mapping[str, object]]) -> pl.DataFrame:
    """Rows of an endless table, in the plain nested form of a log."""
    chance = Chance(SEED, first, count)
    holders = list(keys.values())
    key = pl.DataFrame(holders).to_struct("key").gather(chance.below("key", len(holders)).cast(pl.UInt32))
    action = pl.Series(list(w1.ACTIONS)).gather(chance.choice("action", list(w1.ACTIONS.values())))
    now = _instants(chance)
    return pl.DataFrame([
        action.alias("action"), now.alias("now"), key,
        _environment(chance, key).alias("environment").to_frame().to_struct("gateway"),
        _addresses(chance, action).alias("ip").to_frame().to_struct("client"),
        _scores(chance).alias("score").to_frame().to_struct("risk"),
        (now - _ages(chance)).alias("mfa_at").to_frame().to_struct("session"),
    ])  # fmt: skip


def _chosen(condition: pl.Series, yes: pl.Series, no: pl.Series) -> pl.Series:
    return pl.select(pl.when(condition).then(yes).otherwise(no)).to_series()


def _environment(chance: Chance, key: pl.Series) -> pl.Series:
    same = key.struct.field("environment")
    other = _chosen(same == "prod", pl.Series(["sandbox"]), pl.Series(["prod"]))
    return _chosen(chance.share("elsewhere") < 0.97, same, other)


def _instants(chance: Chance) -> pl.Series:
    """Of four weeks, mostly in desk hours; a weekend's are then moved to the Monday after, as W1 does."""
    day = chance.below("day", 28)
    weekday = day % 7
    moved = day + _chosen(weekday == 5, pl.Series([2]), _chosen(weekday == 6, pl.Series([1]), pl.Series([0])))
    at_desk = moved * w1.DAY + 8 * HOUR + chance.below("clock", 10 * HOUR)
    return _chosen(chance.share("hours") < 0.88, at_desk, day * w1.DAY + chance.below("clock", w1.DAY)) + MARCH_2ND


def _scores(chance: Chance) -> pl.Series:
    band, share = chance.choice("band", [0.9, 0.07, 0.03]), chance.share("score")
    low, width = pl.Series([0, 50, 90]).gather(band), pl.Series([50, 40, 11]).gather(band)
    return low + (share * width).cast(pl.Int64)


def _ages(chance: Chance) -> pl.Series:
    return _chosen(chance.share("fresh") < 0.88, chance.below("age", 300_000), 300_000 + chance.below("age", 3_700_000))


def _addresses(chance: Chance, action: pl.Series) -> pl.Series:
    networks = [*w1.NETWORKS.values(), w1.ELSEWHERE]
    trade, withdraw, internal, block, elsewhere = range(5)
    place = chance.share("place")
    list_of = _chosen(
        place < 0.88, pl.Series([trade]), _chosen(place < 0.92, pl.Series([block]), pl.Series([elsewhere]))
    )
    list_of = _chosen(action.str.starts_with("subaccounts.") & (place < 0.75), pl.Series([internal]), list_of)
    list_of = _chosen((action == "withdrawals.create") & (place < 0.85), pl.Series([withdraw]), list_of)
    firsts = pl.Series([sum(map(len, networks[:number])) for number in range(5)])
    lengths = pl.Series([len(each) for each in networks])
    chosen = firsts.gather(list_of) + chance.below("network", lengths.gather(list_of))
    return _within(chance, chosen, [text for each in networks for text in each])


def _within(chance: Chance, chosen: pl.Series, texts: Sequence[str]) -> pl.Series:
    """Addresses of networks: of IPv4 anywhere in them; of IPv6 with four decimal groups behind their first three."""
    parsed = [ipaddress.ip_network(text) for text in texts]
    base = pl.Series([int(each.network_address) if each.version == 4 else 0 for each in parsed]).gather(chosen)
    size = pl.Series([each.num_addresses if each.version == 4 else 1 for each in parsed]).gather(chosen)
    number = base + (chance.share("address") * size).cast(pl.Int64)
    quad = pl.concat_str([number // 256**power % 256 for power in (3, 2, 1, 0)], separator=".")
    starts = [
        None if each.version == 4 else str(each.network_address).replace("::", "")
        + ":0" * (3 - str(each.network_address).replace("::", "").count(":")) + ":"
        for each in parsed
    ]  # fmt: skip
    groups = [chance.below(f"group{place}", 10_000) for place in range(4)]
    start = pl.Series(starts, dtype=pl.String).gather(chosen)
    sextet = pl.concat_str([start, pl.concat_str(groups, separator=":")])
    return pl.select(pl.when(start.is_null()).then(quad).otherwise(sextet)).to_series()
