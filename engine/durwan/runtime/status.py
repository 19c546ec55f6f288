"""What an engine says of itself: by which policy it decides, how fresh that is, and what became of reloads."""

from __future__ import annotations

from dataclasses import dataclass

from durwan.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of an engine at one moment. The counts only go up, and are fit for a metrics library.

    Attributes:
        ready: whether there is a policy to decide by; without one, everything is denied as `not_ready`.
        stale: whether that policy is older than it may be: its bundle has expired, or its source was out of reach, or
            unusable, for longer than `max_age`. Then everything is denied as `policy_stale`, unless the engine was
            told to keep it.
        revision: the digest of the policy; empty without one.
        source: where it comes from.
        since: from when on it decided, in milliseconds since the epoch; None without one.
        age: the milliseconds since the source was last seen to hold just this policy; None without one.
        commit: of a git repository, in 40 digits.
        version: of a bundle.
        expires: when the bundle does, in milliseconds since the epoch.
        ageing: whether the bundle had passed half of its life when it was read: high time for the next one.
        reloads: how often a policy was read, passed its tests and was put in place, the first time included.
        failures: how often that failed; the policy before it went on deciding.
        last_attempt: when it was last tried, in milliseconds since the epoch.
        last_error: why the last attempt failed; None where it did not.
        diagnostics: the mistakes in the policy set, where they were the reason.
        watching: whether a thread follows the source.
        watch_error: why none does although one should, or why it hears of changes only when it looks for them.
    """

    ready: bool = False
    stale: bool = False
    revision: str = ""
    source: str = ""
    since: int | None = None
    age: int | None = None
    commit: str | None = None
    version: int | None = None
    expires: int | None = None
    ageing: bool = False
    reloads: int = 0
    failures: int = 0
    last_attempt: int | None = None
    last_error: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    watching: bool = False
    watch_error: str | None = None
