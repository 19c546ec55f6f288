"""Synthetic logs: requests that might have been made, for trying things out where there is no real log.

Few keys make most of the requests (Zipf's law), from their own networks, for what they may do: which that is, the
policies are asked. There are days and nights, and bursts in which one key asks again and again. Now and then somebody
asks for what they may not do, from elsewhere, or with something missing. The same seed gives the same log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, Final

from polars.io.plugins import register_io_source

from durwan.backends.columns.polars_interface import pl
from durwan.credentials.keys import StaticKeys
from durwan.errors import DurwanError
from durwan.model import types
from durwan.program.program import Program
from durwan.runtime.policy import Compiled
from durwan.workshop.replaying.answers import Answers
from durwan.workshop.replaying.chance import Chance
from durwan.workshop.replaying.homes import Homes
from durwan.workshop.replaying.logs.recorded import recorded_batch_of
from durwan.workshop.replaying.logs.sources import RECORDED
from durwan.workshop.replaying.plausible import Plausible, costs_of, decimals, literals_of
from durwan.workshop.replaying.rhythm import Rhythm
from durwan.workshop.replaying.sides import ProgramSide

STEP: Final = 131_072
# 2026-03-01T00:00:00Z.
MARCH: Final = 1_772_323_200_000
_DAY: Final = 86_400_000
_NOON: Final = 43_200_000
# How requests come: by a key, by a key within a session, or by a person's session alone.
_WAYS: Final = ("key", "key and session", "session")
_NO_KEY: Final = 2
_OF_SESSIONS: Final = ("session", "token")
# By parts of names, how often actions are asked for.
_FREQUENT: Final = (
    ("order", 12.0), ("read", 3.0), ("create", 2.0), ("withdraw", 0.2), ("keys", 0.1), ("addresses", 0.1),
    ("_all", 0.02), ("session", 0.3),
)  # fmt: skip
# What is of interest in a request even if no policy reads it.
_ALWAYS: Final = ("request.notional", "request.client_id", "request.symbol", "client.ip")
# How often somebody asks for what is not theirs to ask, from where they are not, and with something missing.
_ODD: Final = 0.01
_STRANGE: Final = 0.01
_MISSING: Final = 0.001
_OF_BURST: Final = 0.8
_TRIALS: Final = 400_000


class SyntheticLogError(DurwanError):
    """A synthetic log that cannot be made; the text says what to change."""


class SyntheticLog:
    """A log that might have been.

    Args:
        program: the policies, by which most of the requests are allowed.
        keys: who asks: the attributes of keys by id. The first ones ask most.
        count: how many requests.
        seed: of chance.
        start: the first instant, in milliseconds since the epoch.
        days: over how many days.
        decided: whether what the policies decide is recorded as well.

    Attributes:
        made: how many requests were made, while frames are.

    Raises:
        SyntheticLogError: there are no keys.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of its own
        self,
        program: Program,
        keys: Mapping[str, Mapping[str, Any]],
        *,
        count: int,
        seed: int = 1,
        start: int = MARCH,
        days: int = 31,
        decided: bool = True,
    ) -> None:
        if not keys:
            raise SyntheticLogError("a synthetic log needs keys that ask: name a policy set that has some")
        self.count = count
        self.made = 0
        self._seed = seed
        self._rhythm = Rhythm.of(seed, start, days)
        decisions = _Decisions(program, keys)
        self._requests = _Requests(program, keys, decisions)
        self._decisions = decisions if decided else None
        self._shares = _zipf(len(keys))

    def frames(self) -> Iterator[pl.DataFrame]:
        """The requests in the plain nested form, some ten thousands at a time, in the order of their instants."""
        for first in range(0, self.count, STEP):
            chance = Chance(self._seed, first, min(STEP, self.count - first))
            now, minutes = self._rhythm.instants(chance, first, self.count)
            frame = self._requests.frame(chance, now, self._keys(chance, minutes), self._usual)
            self.made = first + frame.height
            yield frame if self._decisions is None else self._decisions.added(frame)

    def write(self, path: Path) -> int:
        """Writes the log, as Parquet or as JSON Lines, which its name says; how many requests.

        Raises:
            SyntheticLogError: the name says neither `.parquet` nor `.jsonl`.
            OSError: it cannot be written.
        """
        if path.suffix == ".parquet":
            self._write_parquet(path)
        elif path.suffix == ".jsonl":
            with path.open("wb") as file:
                for frame in self.frames():
                    frame.with_columns(_with_texts(frame)).write_ndjson(file)
        else:
            raise SyntheticLogError(f"{path} does not say in which form: let it end in .parquet or .jsonl")
        return self.count

    def _write_parquet(self, path: Path) -> None:
        frames = self.frames()
        first = next(frames, None)
        if first is None:
            raise SyntheticLogError("a log of no requests has no columns: ask for one at least")

        def source(
            columns: list[str] | None, _predicate: object, _rows: object, _size: object
        ) -> Iterator[pl.DataFrame]:
            for frame in chain([first], frames):
                yield frame if columns is None else frame.select(columns)

        register_io_source(source, schema=first.schema).sink_parquet(path, compression="zstd")

    def _keys(self, chance: Chance, minutes: pl.Series) -> pl.Series:
        """Who asks: in bursts mostly one key."""
        anyone = chance.choice("key", self._shares)
        bursting = Chance(self._seed, 0, len(self._rhythm.bursts)).choice("bursting", self._shares).gather(minutes)
        in_burst = self._rhythm.bursts.gather(minutes) & (chance.share("in burst") < _OF_BURST)
        return pl.select(pl.when(in_burst).then(bursting).otherwise(anyone)).to_series()

    @cached_property
    def _usual(self) -> pl.Series:
        return self._requests.usual()


class _Requests:
    """Draws requests of keys."""

    def __init__(self, program: Program, keys: Mapping[str, Mapping[str, Any]], decisions: _Decisions) -> None:
        self._program = program
        self._keys = keys
        self._decisions = decisions
        self._ids = pl.Series(list(keys), dtype=pl.String)
        self._actions = sorted(program.schema.actions)
        self._literals = literals_of(program)
        self._costs = costs_of(program)
        self._homes = Homes([key.get("networks") for key in keys.values()])
        declared = program.schema.attributes
        wanted = decisions.paths_read | {path for path in _ALWAYS if path in declared}
        self._paths = sorted(path for path in wanted if not path.startswith("key."))

    def frame(self, chance: Chance, now: pl.Series, key: pl.Series, usual: pl.Series) -> pl.DataFrame:
        """Requests of keys, each asking for what it usually does."""
        asked = usual.search_sorted(key + chance.share("action"), side="right").cast(pl.Int64)
        kinds = len(self._actions) * len(_WAYS)
        kind = (asked - key.cast(pl.Int64) * kinds).clip(0, kinds - 1)
        return self._drawn(chance, now, key, kind // len(_WAYS), kind % len(_WAYS))

    def usual(self) -> pl.Series:
        """How often each key asks for which action in which way: running sums, those of the n-th key from n to n+1.

        Each asks for what it is mostly allowed, as the policies have it, and hardly for anything else.
        """
        kinds = len(self._actions) * len(_WAYS)
        trials = max(4, min(64, _TRIALS // (len(self._keys) * kinds)))
        number = pl.int_range(0, len(self._keys) * kinds * trials, eager=True) // trials
        chance = Chance(0, 0, len(number))
        now = pl.Series([MARCH + _NOON]).new_from_index(0, len(number)) + chance.below("now", 28) * _DAY
        kind = number % kinds
        frame = self._drawn(chance, now, number // kinds, kind // len(_WAYS), kind % len(_WAYS))
        allowed = self._decisions.effects(frame) == "allow"
        shares = pl.DataFrame({"number": number, "allowed": allowed}).group_by("number", maintain_order=True).mean()
        base = [_weight(action) for action in self._actions for _ in _WAYS]
        sums: list[float] = []
        for place in range(len(self._keys)):
            found = shares.get_column("allowed").slice(place * kinds, kinds).to_list()
            weights = [each * (share + _ODD) for each, share in zip(base, found, strict=True)]
            total = sum(weights)
            sums += [place + before / total for before in accumulate(weights)]
        return pl.Series(sums)

    def _drawn(self, chance: Chance, now: pl.Series, key: pl.Series, action: pl.Series, way: pl.Series) -> pl.DataFrame:
        plausible = Plausible(self._literals, self._costs, chance, now)
        columns = {path: self._attribute(path, plausible, chance, key) for path in self._paths}
        _priced(columns, chance)
        contexts: dict[str, list[pl.Series]] = {}
        for path, column in columns.items():
            context, _, name = path.partition(".")
            missing = pl.lit(chance.share(f"{path} missing") < _MISSING)
            known = pl.select(pl.when(~missing).then(pl.lit(column))).to_series()
            contexts.setdefault(context, []).append(known.alias(name))
        ids = pl.when(pl.lit(way) < _NO_KEY).then(pl.lit(self._ids.gather(key)))
        structs = [pl.DataFrame(fields).to_struct(context) for context, fields in contexts.items()]
        frame = pl.DataFrame([pl.Series(self._actions).gather(action).alias("action"), now.alias("now"), *structs])
        sessions = [name for name in _OF_SESSIONS if name in contexts]
        return frame.with_columns(
            ids.alias("key"), *(pl.when(pl.lit(way) > 0).then(pl.col(name)).alias(name) for name in sessions)
        )

    def _attribute(self, path: str, plausible: Plausible, chance: Chance, key: pl.Series) -> pl.Series:
        declared, name = self._program.schema.attributes[path], path.rpartition(".")[2]
        drawn = plausible.column(path, declared)
        if isinstance(declared, types.Address):
            own = self._homes.addresses(chance, key)
        elif isinstance(declared, types.String) and f"key.{name}" in self._program.schema.attributes and name != "id":
            # What a key has as well is mostly the same: environment, account, subaccount.
            own = pl.Series([_text(each.get(name)) for each in self._keys.values()], dtype=pl.String).gather(key)
        elif name == "symbol":
            own = self._symbols(chance, key)
        else:
            return drawn
        strange = (chance.share(f"{path} strange") < _STRANGE) | own.is_null()
        return pl.select(pl.when(pl.lit(strange)).then(pl.lit(drawn)).otherwise(pl.lit(own))).to_series()

    def _symbols(self, chance: Chance, key: pl.Series) -> pl.Series:
        """One of those that the key trades."""
        held = [list(each.get("symbols") or ()) for each in self._keys.values()]
        lists = pl.Series(held, dtype=pl.List(pl.String)).gather(key)
        place = (chance.share("own symbol") * lists.list.len()).cast(pl.Int64)
        return lists.to_frame("symbols").select(pl.col("symbols").list.get(pl.lit(place), null_on_oob=True)).to_series()


class _Decisions:
    """What the policies decide of requests, each as if it were the first that a limit counts."""

    def __init__(self, program: Program, keys: Mapping[str, Mapping[str, Any]]) -> None:
        self._side = ProgramSide(Compiled(program=program, revision="", keys=StaticKeys(keys)))

    @property
    def paths_read(self) -> frozenset[str]:
        """The attributes that rules or limits read."""
        return self._side.side.paths

    def effects(self, frame: pl.DataFrame) -> pl.Series:
        """The effects alone."""
        return self._answers(frame).get_column("effect")

    def added(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The requests, and what is decided beside."""
        return frame.with_columns(self._answers(frame).to_struct("decision"))

    def _answers(self, frame: pl.DataFrame) -> pl.DataFrame:
        found = Answers()
        numbers, _ = self._side.answers(recorded_batch_of(frame, self._side.side), None, found)
        rows = [(each.effect, each.rule, each.status, each.code) for each in found.listed]
        return pl.DataFrame(rows, schema=dict(RECORDED), orient="row")[numbers]


def _zipf(count: int) -> list[float]:
    return [1 / (place + 1) ** 1.1 for place in range(count)]


def _weight(action: str) -> float:
    found = 1.0
    for part, weight in _FREQUENT:
        found *= weight if part in action else 1.0
    return found


def _text(value: object) -> str | None:
    return value if type(value) is str else None


def _priced(columns: dict[str, pl.Series], chance: Chance) -> None:
    """Makes prices near the market's, and what an order is worth the price times the quantity."""
    if "request.price" not in columns or "request.quantity" not in columns:
        return
    reference = 10_000 + chance.below("reference", 50) * 100_000
    price = (reference * (0.99 + chance.share("price") * 0.02)).cast(pl.Int64)
    quantity = (1 + chance.share("quantity").pow(4) * 400).cast(pl.Int64)
    columns["request.price"], columns["request.quantity"] = decimals(price, 2), decimals(quantity, 2)
    if "market.reference_price" in columns:
        columns["market.reference_price"] = decimals(reference, 2)
    if "request.notional" in columns:
        columns["request.notional"] = decimals(price * quantity, 4)


def _with_texts(frame: pl.DataFrame) -> list[pl.Expr]:
    """Decimals as texts, since numbers of JSON would not be exact."""
    found: list[pl.Expr] = []
    for name, dtype in frame.schema.items():
        if isinstance(dtype, pl.Struct):
            exact = [field.name for field in dtype.fields if isinstance(field.dtype, pl.Decimal)]
            texts = [pl.col(name).struct.field(each).cast(pl.String) for each in exact]
            if texts:
                found.append(pl.when(pl.col(name).is_not_null()).then(pl.col(name).struct.with_fields(*texts)))
    return found


def clone_keys(keys: Mapping[str, Mapping[str, Any]], count: int) -> dict[str, dict[str, Any]]:
    """Many keys out of a few: like them, but each with an id, an account and a network of its own."""
    kinds = list(keys.items())
    found: dict[str, dict[str, Any]] = {}
    for number in range(count):
        key_id, attributes = kinds[number % len(kinds)]
        own: dict[str, Any] = {
            "id": f"{key_id}-{number}",
            "account": f"{attributes.get('account', 'account')}-{number // len(kinds)}",
        }
        if attributes.get("networks"):
            own["networks"] = [f"10.{number // 256 % 256}.{number % 256}.0/24"]
        found[own["id"]] = {**attributes, **own}
    return found


__all__ = ["SyntheticLog", "SyntheticLogError", "clone_keys"]
