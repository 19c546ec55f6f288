"""What goes wrong with a store. Whoever asked is never told more than that he was refused."""

from __future__ import annotations

from durwan.errors import DurwanError


class StateUnavailableError(DurwanError):
    """The store did not answer in time, is full, or cannot vouch for its answer: whoever asked is to be refused.

    What was asked may have been done all the same; a nonce may be used up, a limit charged. It was not allowed.

    Attributes:
        store: which store, without anything secret.
        problem: what happened, fit for a log.
    """

    def __init__(self, store: str, problem: str) -> None:
        self.store = store
        self.problem = problem
        super().__init__(f"{store} could not be asked, so that what asked was refused: {problem}")


class StateSetupError(DurwanError):
    """A store that must not be used as it is set up; its text says what to change."""


class RedisNotInstalledError(DurwanError):
    """The package is missing through which Redis and Valkey are spoken to."""

    def __init__(self) -> None:
        super().__init__("state in Redis or Valkey needs the extra `redis`: pip install 'durwan[redis]'")


__all__ = ["RedisNotInstalledError", "StateSetupError", "StateUnavailableError"]
