"""Changing the policy of an engine while it decides.

One way leads to a new policy: read the source once, compile exactly what was read, prepare it, run the tests that it
must pass, and put it in place by one assignment. Whatever fails on this way leaves the policy that was, and is told:
in the status, in the log, and to whoever asked to be called.

Reloads take turns, so that the one that read last is the one that decides. Deciding takes no lock, and neither does a
reload while it reads and compiles take the one under which policies are exchanged: a policy becomes stale in time, even
if its source never answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import count
from threading import RLock
from typing import Any, Final, Generic, TypeVar

from durwan.backends.bytecode import Evaluator
from durwan.errors import DurwanError, PolicyError
from durwan.runtime.policy import Compiled
from durwan.runtime.refusal import Refusal
from durwan.runtime.self_test import run_self_tests
from durwan.runtime.settings import Following
from durwan.runtime.sources import Edition, Source
from durwan.runtime.status import Status

# All that is made of one policy, for deciding.
P = TypeVar("P")

_LONGEST_LINE: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Generic[P]):
    """Where policies decide: in an engine.

    Attributes:
        prepare: makes all that is made of a policy before its first request; it does not decide yet.
        tested: what of it decides, if that uses the keys of the policy's own set; else None.
        refusing: makes what denies everything in place of a policy with this revision.
        install: from its return on, this decides; one assignment.
    """

    prepare: Callable[[Compiled], P]
    tested: Callable[[P], Evaluator | None]
    refusing: Callable[[Refusal, str], P]
    install: Callable[[P], None]


@dataclass(frozen=True, slots=True)
class _Current(Generic[P]):
    """The policy that may decide, what it was made of, and when its source was last seen to hold just that."""

    edition: Edition
    policy: P
    seen: float


class Reloading(Generic[P]):
    """The policy of one engine: where it comes from, what decides now, and what became of attempts to change it.

    Args:
        source: where policies are read from.
        place: where they decide.
        clock: the current instant in milliseconds since the epoch.
        following: see `Following`; `watch` and `poll_seconds` are not for here.
    """

    def __init__(self, source: Source, place: Place[P], clock: Callable[[], int], following: Following) -> None:
        self.source = source
        self._place = place
        self._clock = clock
        self._max_age = following.get("max_age")
        self._keeps_stale = following.get("on_stale") == "keep"
        self._on_reload = following.get("on_reload")
        self._turn, self._exchange = RLock(), RLock()
        self._tickets = count(1)
        self._last_installed = 0
        self._current: _Current[P] | None = None
        self._refused: str | None = None
        self._told: Edition | None = None
        self._denies = False
        self._logs_failures = True
        self._status = Status(source=source.name)

    # -------------------------------------------------------------------------------------------------- attempts

    def begin(self, *, denying: bool) -> None:
        """The first attempt; if it fails, either its error is raised or everything is denied until one succeeds."""
        # Who hears of a failure as an exception need not read of it as well.
        self._logs_failures = denying
        if denying:
            self._place.install(self._place.refusing("not_ready", ""))
        try:
            self.reload()
        except Exception:
            if not denying:
                raise
        self._logs_failures = True

    def reload(self) -> None:
        """Reads the source and puts its policy in place.

        Raises:
            DurwanError: the source cannot be read, has mistakes, fails its tests, or goes back; the policy that was
                goes on deciding.
        """
        try:
            with self._turn:
                self._attempt()
        finally:
            self._tell()

    def look(self) -> None:
        """Reloads if the source has changed. What goes wrong is told, not raised; what failed is not tried again."""
        try:
            stamp = self.source.stamp()
        except Exception as error:  # noqa: BLE001 - a defect must not end the thread that follows the source
            self._unreadable(error)
            return
        current = self._current
        if current is not None and stamp == current.edition.stamp:
            self._seen(current)
        elif stamp != self._refused:
            try:
                self.reload()
            except DurwanError:
                self._refused = stamp
            except Exception:  # noqa: BLE001 - told already; perhaps memory was short, so it is tried again
                return

    def _attempt(self) -> None:
        ticket = next(self._tickets)
        try:
            seen = time.monotonic()
            edition = self.source.read(None if self._current is None else self._current.edition)
            policy = self._place.prepare(edition.compiled)
            run_self_tests(edition.compiled, self._clock, self._place.tested(policy))
            # A signal's handler may have reloaded in the midst of this, in the same thread: what it read is newer.
            if ticket < self._last_installed:
                return
            edition.accept()
        except Exception as error:
            self._failed(error)
            raise
        with self._exchange:
            self._place.install(policy)
            self._last_installed = ticket
            self._denies = False
            self._current = _Current(edition, policy, seen)
            self._succeeded(edition)
        self.enforce_age()

    # ------------------------------------------------------------------------------------------------------- age

    def enforce_age(self) -> None:
        """Denies everything once the policy is stale, and lets it decide again once it is not."""
        with self._exchange:
            current = self._current
            denies = current is not None and not self._keeps_stale and self._is_stale(current)
            if current is not None and denies != self._denies:
                self._denies = denies
                refusing = self._place.refusing("policy_stale", current.edition.compiled.revision)
                self._place.install(refusing if denies else current.policy)
                state = "is stale; everything is denied" if denies else "is fresh again"
                self._log("error" if denies else "info", f"the policy of {self.source.name} {state}")
        self._tell_ageing(current)

    def _tell_ageing(self, current: _Current[P] | None) -> None:
        """Once for each bundle: that it is high time for the next one."""
        if current is not None and current.edition is not self._told and self._is_past(current.edition.ages):
            self._told = current.edition
            self._log("warning", f"{self.source.name} has passed half of its life: build the next one")

    @property
    def may_become_stale(self) -> bool:
        """Whether somebody has to call `enforce_age` now and then."""
        current = self._current
        return self._max_age is not None or (current is not None and current.edition.expires is not None)

    def _is_stale(self, current: _Current[P]) -> bool:
        too_old = self._max_age is not None and time.monotonic() - current.seen > self._max_age
        return too_old or self._is_past(current.edition.expires)

    def _is_past(self, instant: int | None) -> bool:
        """Whether it is so late, by the engine's clock; never where there is no such instant."""
        if instant is None:
            return False
        try:
            return self._clock() >= instant
        except Exception:  # noqa: BLE001 - nobody knows what time it is; then it may be too late
            return True

    def _seen(self, current: _Current[P]) -> None:
        """The source holds what decides: the policy is fresh, and what may have been wrong meanwhile is over."""
        with self._exchange:
            if self._current is current:
                self._current = replace(current, seen=time.monotonic())
                self._refused = None
                self._status = replace(self._status, last_error=None, diagnostics=())

    # ---------------------------------------------------------------------------------------------------- telling

    def status(self) -> Status:
        """The state now, but for what only a watcher knows; it waits for nothing."""
        current = self._current
        if current is None:
            return self._status
        age = int((time.monotonic() - current.seen) * 1000)
        return replace(self._status, age=age, stale=self._is_stale(current), ageing=self._is_past(current.edition.ages))

    def _succeeded(self, edition: Edition) -> None:
        now = _wall_clock()
        self._refused = None
        self._status = replace(
            self._status, ready=True, revision=edition.compiled.revision, since=now, commit=edition.commit,
            version=edition.version, expires=edition.expires, reloads=self._status.reloads + 1,
            last_attempt=now, last_error=None, diagnostics=(),
        )  # fmt: skip
        if self._status.reloads > 1:
            self._log("info", f"{self.source.name} is reloaded; revision {edition.compiled.revision[:12]} decides")

    def _failed(self, error: Exception) -> None:
        with self._exchange:
            self._status = replace(
                self._status, failures=self._status.failures + 1, last_attempt=_wall_clock(),
                last_error=_text_of(error),
                diagnostics=error.diagnostics if isinstance(error, PolicyError) else (),
            )  # fmt: skip
        keeps = f"revision {self._status.revision[:12]} goes on deciding" if self._status.ready else "nothing is loaded"
        if self._logs_failures:
            self._log("error", f"{self.source.name} cannot be loaded; {keeps}: {self._status.last_error}")

    def _unreadable(self, error: Exception) -> None:
        """As an attempt that failed, but told only once for as long as it stays the same."""
        if _text_of(error) != self._status.last_error:
            self._failed(error)
            self._tell()

    def _tell(self) -> None:
        if self._on_reload is not None:
            try:
                self._on_reload(self.status())
            except Exception as error:  # noqa: BLE001 - whoever counts reloads must not stop them
                self._log("error", f"what is called after a reload raised {error!r}")

    def _log(self, level: str, text: str) -> None:
        """One line, in which nothing that a source holds can look like another line."""
        line = "; ".join(text.splitlines())
        shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line[:_LONGEST_LINE])
        logger: Any = import_module("logging").getLogger("durwan")
        getattr(logger, level)("%s", shown)

    def after_fork(self) -> None:
        """In the child: a lock may be held, and things half done, by a thread that is not there any more."""
        self._turn, self._exchange = RLock(), RLock()
        self.source.forget()


def _text_of(error: Exception) -> str:
    return str(error) if isinstance(error, DurwanError) else repr(error)


def _wall_clock() -> int:
    """The current instant, in milliseconds since the epoch: of the process, whatever clock its requests are given."""
    return time.time_ns() // 1_000_000
