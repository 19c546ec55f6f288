"""The state that gateways share, as a configuration has it."""

from __future__ import annotations

from collections.abc import Callable

from durwan.errors import DurwanError
from durwan.gateways.serving.reading import Loaded
from durwan.gateways.serving.resolving import Resolver
from durwan.state.memory import MemoryState
from durwan.state.store import StateStore


def open_store(loaded: Loaded, resolver: Resolver, clock: Callable[[], int]) -> StateStore:
    """The store.

    What is in memory begins empty with its process, and does not know what came before: for a moment, signed requests
    are refused that might have been accepted by the process before this one.

    Raises:
        DurwanError: it cannot be used.
    """
    state = loaded.configuration.state
    if state.sqlite is not None:
        from durwan.state.sqlite import SqliteState  # noqa: PLC0415 - not needed where another store is

        return SqliteState(resolver.path(state.sqlite))
    if state.redis is not None:
        from durwan.state.redis import RedisState  # noqa: PLC0415 - an extra

        url = resolver.secret(state.redis.url, ("state", "redis", "url")).reveal().decode("utf-8", "replace")
        key = resolver.key_bytes(state.redis.mac_key, ("state", "redis", "mac_key"))
        try:
            return RedisState(url, mac_key=key, prefix=state.redis.prefix, plain=state.redis.plain, clock=clock)
        except DurwanError:
            raise
        except Exception:  # noqa: BLE001 - its text may quote the address, which holds a password
            raise resolver.fault(("state", "redis", "url"), "it is no address of a server") from None
    return MemoryState(since=clock())


__all__ = ["open_store"]
