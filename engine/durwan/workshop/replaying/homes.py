"""From where keys ask: addresses of their own networks."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from durwan.backends.columns.polars_interface import pl
from durwan.model.values import read_network
from durwan.workshop.replaying.chance import Chance


class Homes:
    """The networks of keys, those of all in one list.

    Args:
        networks: of each key, as key files have them; a key without any asks from anywhere.
    """

    def __init__(self, networks: Sequence[object]) -> None:
        found = [[] if (read := read_network(each)) is None else read.networks() for each in networks]
        self._counts = pl.Series([len(each) for each in found], dtype=pl.Int64)
        self._firsts = self._counts.cum_sum() - self._counts
        parsed = [ip_network(text) for each in found for text in each]
        is_four = [isinstance(each, IPv4Network) for each in parsed]
        self._base = pl.Series([_number(each) for each in parsed], dtype=pl.Int64)
        self._size = pl.Series(
            [each.num_addresses if four else 1 for each, four in zip(parsed, is_four, strict=True)], dtype=pl.Int64
        )
        self._start = pl.Series([_start(each) for each in parsed], dtype=pl.String)

    def addresses(self, chance: Chance, key: pl.Series) -> pl.Series:
        """An address for each row, of the networks of its key; null where the key has none."""
        counts = self._counts.gather(key)
        chosen = self._firsts.gather(key) + (chance.share("own network") * counts).cast(pl.Int64)
        place = pl.select(pl.when(pl.lit(counts) > 0).then(pl.lit(chosen))).to_series()
        number = self._base.gather(place) + (chance.share("own address") * self._size.gather(place)).cast(pl.Int64)
        quad = [pl.lit((number // 256**power % 256).cast(pl.String)) for power in (3, 2, 1, 0)]
        start = self._start.gather(place)
        groups = [pl.lit(chance.below(f"own group {each}", 10_000).cast(pl.String)) for each in range(4)]
        sextet = (
            pl.when(pl.lit(start).str.ends_with(":"))
            .then(pl.concat_str([pl.lit(start), *_joined(groups)]))
            .otherwise(pl.lit(start))
        )
        four = pl.concat_str(quad, separator=".")
        return pl.select(
            pl.when(pl.lit(place).is_null()).then(None).when(pl.lit(start).is_null()).then(four).otherwise(sextet)
        ).to_series()


def _joined(groups: list[pl.Expr]) -> list[pl.Expr]:
    return [pl.concat_str(groups, separator=":")]


def _number(network: IPv4Network | IPv6Network) -> int:
    return int(network.network_address) if isinstance(network, IPv4Network) else 0


def _start(network: IPv4Network | IPv6Network) -> str | None:
    """Of an IPv6 network of 64 bits or fewer its first four groups; of a smaller one an address; None of IPv4."""
    if isinstance(network, IPv4Network):
        return None
    if network.prefixlen > 64:
        return str(network.network_address)
    return ":".join(network.network_address.exploded.split(":")[:4]) + ":"
