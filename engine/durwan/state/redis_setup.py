"""What a server has to be like, before anything that it says is believed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final

from durwan.state.errors import StateSetupError, StateUnavailableError
from durwan.state.redis_link import Address, Link, open_link

_OLDEST: Final = (6, 2)


def open_fit_link(
    address: Address, mark: str, clock: Callable[[], int], deadline: float
) -> tuple[Link, Mapping[str, str]]:
    """A link to a server that was found fit and quick enough, and what the server says of itself.

    Args:
        address: where the server is.
        mark: the key under which it is marked as known.
        clock: the present instant.
        deadline: within how many seconds it has to answer, since that is what it will be given.

    Raises:
        StateUnavailableError: it cannot be reached, is too slow, or is not fit for now.
        StateSetupError: it has to be set up otherwise.
    """
    link = open_link(address)
    try:
        facts = _facts(link, deadline)
        check(facts, address)
        link.run_id = facts["run_id"]
        link.run("adopt", (mark,), (link.run_id, secrets.token_hex(8), clock()), time.monotonic() + deadline)
    except BaseException:
        link.close()
        raise
    return link, facts


def check(facts: Mapping[str, str], address: Address) -> None:
    """Whether a server is fit, by what its `INFO` says.

    Raises:
        StateUnavailableError: not for now.
        StateSetupError: it has to be set up otherwise.
    """
    if facts.get("loading") != "0":
        raise StateUnavailableError(address.place, "it is still loading")
    if facts.get("role") != "master":
        raise StateSetupError(f"{address.place} is a replica: give the address of the primary")
    if facts.get("redis_mode") == "cluster":
        raise StateSetupError(f"{address.place} is a cluster: give a server that holds all keys")
    if facts.get("maxmemory_policy") != "noeviction":
        raise StateSetupError(
            f"{address.place} throws away what it should remember once it is full: set `maxmemory-policy noeviction`"
        )
    if _version(facts) < _OLDEST:
        raise StateSetupError(f"{address.place} is too old: Redis 6.2 or Valkey is needed")


def check_address(address: Address, *, plain: bool) -> None:
    """Whether an address may be used.

    Raises:
        StateSetupError: others could listen or ask, and it was not said that they may.
    """
    if plain or address.is_local:
        return
    if not address.is_private:
        raise StateSetupError(f"{address.place} is another machine and not spoken to by TLS: write `rediss://`")
    if not address.has_password:
        raise StateSetupError(f"{address.place} is another machine that asks for no password: give it a user")


def _facts(link: Link, deadline: float) -> dict[str, str]:
    reply = link.ask(("INFO",), time.monotonic() + deadline)
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else ""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name: value.strip() for name, value in pairs}


def _version(facts: Mapping[str, str]) -> tuple[int, ...]:
    numbers = facts.get("redis_version", "0").split(".")
    return tuple(int(number) for number in numbers[:2] if number.isdigit())


__all__ = ["check", "check_address", "open_fit_link"]
