"""What an embedder may ask of an engine when it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypedDict

from durwan.credentials.keys import KeySource
from durwan.runtime.bundle_trust import Trust
from durwan.runtime.decision_store import CacheLimits
from durwan.runtime.limits import LimitCounter
from durwan.runtime.status import Status


class Following(TypedDict, total=False):
    """How an engine follows its source. Each may be left out.

    Attributes:
        watch: whether a thread looks after the source: at once where the system tells of changes (the extra `watch`),
            and every `poll_seconds` in any case. False if left out.
        poll_seconds: how often the content is compared although nothing was told; 30 if left out. A file that is
            swapped below a mount never tells.
        max_age: after how many seconds a policy is stale whose source was not seen to hold just this policy; never if
            left out. A bundle is stale from its expiry on in any case. It takes a thread, which ends with `close`.
        on_stale: what then: "deny" everything with the code `policy_stale` and status 503 until the source is fresh
            again, or "keep" deciding and only say so in the status. "deny" if left out.
        on_broken: what if there is no policy that may decide when the engine is made: "raise" the error, or "deny"
            everything with the code `not_ready` and status 503 until a reload succeeds. "raise" if left out.
        on_reload: called with the status after each attempt to reload, by the thread that made it: for metrics and
            alarms. What it raises is logged, and changes nothing.
    """

    watch: bool
    poll_seconds: float
    max_age: float
    on_stale: Literal["deny", "keep"]
    on_broken: Literal["raise", "deny"]
    on_reload: Callable[[Status], object]


class Settings(Following, total=False):
    """What holds for any engine. Each may be left out.

    Attributes:
        keys: where keys are looked up by id; the set's own `keys/*.yaml` if left out.
        clock: the current instant in milliseconds since the epoch, for requests that bring no `now`.
        cache: how many decisions are remembered; None for none.
        limits: what counts the `limit`s of a policy set: this process by itself if left out, a `StateStore` that
            several gateways share, None for nothing: then what the rules allow is allowed.
    """

    keys: KeySource | None
    clock: Callable[[], int]
    cache: CacheLimits | None
    limits: LimitCounter | None


class Loading(Settings, total=False):
    """What holds for an engine that is loaded from a path. Each may be left out.

    Attributes:
        ref: a branch, tag, commit or other revision of the git repository at the path, read without a checkout (the
            extra `git`). Where the path is a directory in a working copy, that directory is the set.
        subdirectory: where in the repository the set lies.
        trust: who must have signed the bundle at the path; without it, a bundle needs no signature.
        allow_rollback: whether a reload may go back: to a commit that does not descend from the one that decides, or
            to a bundle of a lower version. False if left out; what `trust` remembers holds in any case.
        most_bytes: how large the bundle at the path may be; 16 MiB if left out, which is some 35,000 rules.
    """

    ref: str
    subdirectory: str
    trust: Trust
    allow_rollback: bool
    most_bytes: int
