"""The credentials that a gateway verifies with: read once, looked up in a dict, and never older than a second."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Final

from durwan.credentials.credential import Credential
from durwan.credentials.fillers import new_fillers
from durwan.credentials.key_material import Seals, credential_of
from durwan.credentials.keys import Listener, Listeners
from durwan.credentials.refusals import Refusal, refuse
from durwan.credentials.sealing import SealingKey
from durwan.credentials.secrets_file import StoredKey, read_secrets
from durwan.errors import DurwanError
from durwan.forking import start_anew_after_fork

_LOOK_EVERY: Final = 0.25
_MOST_STALE: Final = 1.0


class KeysUnavailableError(DurwanError):
    """The credentials cannot be shown to be those of now: whoever asked for one must be refused.

    Attributes:
        refusal: what to answer.
    """

    def __init__(self, problem: str) -> None:
        self.refusal: Refusal = refuse("keys_unavailable")
        super().__init__(f"credentials cannot be looked up: {problem}")


@dataclass(frozen=True, slots=True)
class _Contents:
    """What a secrets file says, prepared."""

    kept: Mapping[str, StoredKey]
    credentials: Mapping[str, Credential]
    # The id of a key, and until when, by the keyed hash of a token.
    tokens: Mapping[str, tuple[str, int | None]]
    seals: Seals


class KeyStore:
    """The credentials in a secrets file. Looking one up takes no lock.

    The file is looked at again four times a second at most, by whoever looks something up, and read again if it was
    replaced. So what `durwan keys` does is in force in every process within a second. While the file cannot be read, or
    is damaged, what was read before is good for one more second; from then on `KeysUnavailableError` is raised.

    Args:
        path: the secrets file.
        find_sealing_key: gives the sealing key; called only where the file holds something sealed or hashed.
        clock: milliseconds since the epoch, for the end of what overlaps.
        monotonic: seconds that never go back, for looking at the file again.

    Raises:
        DurwanError: the file cannot be read, is open to others, or holds something that cannot be used.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        find_sealing_key: Callable[[], SealingKey],
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path)
        self._find_sealing_key = find_sealing_key
        self._clock = clock
        self._monotonic = monotonic
        self._fillers = new_fillers()
        self._stranger = Credential(key_id="", known=False, fillers=self._fillers)
        self._listeners = Listeners()
        # What was revoked by a call, in this process; it stays so whatever the file says.
        self._revoked: set[str] = set()
        self._reading = RLock()
        self._found_key: SealingKey | None = None
        self._problem = ""
        self._seen = _marks(self._path)
        self._contents = self._read()
        self._looked = self._proved = monotonic()
        start_anew_after_fork(self)

    def find(self, key_id: str) -> Credential:
        """What a key is verified with; for an id that nobody knows a stand-in, which costs the same.

        Raises:
            KeysUnavailableError: nobody can tell what is true now.
        """
        self._look_again()
        return self._contents.credentials.get(key_id, self._stranger)

    def find_token(self, token: bytes) -> Credential:
        """The key that a token is the whole credential of; the stand-in where there is none.

        Tokens are looked up by a keyed hash, so that the time it takes tells nothing about other tokens.

        Raises:
            KeysUnavailableError: nobody can tell what is true now.
        """
        self._look_again()
        contents = self._contents
        if not contents.tokens:
            return self._stranger
        found = contents.tokens.get(contents.seals.token_hash(token))
        if found is None or (found[1] is not None and self._clock() >= found[1]):
            return self._stranger
        return contents.credentials[found[0]]

    def is_good(self, key_id: str) -> bool:
        """Whether there is such a key, as far as is known, and it is not revoked."""
        found = self._contents.credentials.get(key_id)
        return found is not None and not found.revoked

    def revoke(self, key_id: str) -> None:
        """From now on, and for as long as this process lives, the key is revoked; listeners are told before it returns.

        Elsewhere and for ever it is revoked by `durwan keys revoke`, or through the state that gateways share.
        """
        with self._reading:
            self._revoked.add(key_id)
            self._contents = self._with_revoked(self._contents)
            self._listeners.tell((key_id,))

    def listen(self, listener: Listener, /) -> None:
        """Tells a bound method of the ids of keys that changed, for as long as somebody else holds its object."""
        self._listeners.add(listener)

    def refresh(self) -> None:
        """Reads the file again now.

        Raises:
            DurwanError: it cannot be read, or holds something that cannot be used; then what was read before stays.
        """
        with self._reading:
            self._read_again(_marks(self._path))

    def __len__(self) -> int:
        return len(self._contents.credentials)

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._contents.credentials

    def __repr__(self) -> str:
        return f"<KeyStore: {len(self)} keys>"

    def _look_again(self) -> None:
        """Makes sure that what is looked up now was true within the last second."""
        now = self._monotonic()
        if now - self._looked >= _LOOK_EVERY and self._reading.acquire(blocking=now - self._proved >= _MOST_STALE):
            try:
                self._looked = self._monotonic()
                self._prove()
            finally:
                self._reading.release()
        if self._monotonic() - self._proved >= _MOST_STALE:
            raise KeysUnavailableError(self._problem or "the secrets file was not looked at for too long")

    def _prove(self) -> None:
        began = self._monotonic()
        try:
            marks = _marks(self._path)
            if marks != self._seen:
                self._read_again(marks)
        except DurwanError as error:
            self._problem = str(error)
        else:
            self._problem = ""
            self._proved = began

    def _read_again(self, marks: tuple[int, ...]) -> None:
        before = self._contents
        found = self._read(before)
        # What the file was replaced by since it was looked at is read the next time.
        self._contents, self._seen = found, marks
        self._proved = self._monotonic()
        changed = {
            key_id
            for key_id in before.kept.keys() | found.kept.keys()
            if before.kept.get(key_id) != found.kept.get(key_id)
        }
        if changed:
            self._listeners.tell(changed)

    def _read(self, before: _Contents | None = None) -> _Contents:
        secrets = read_secrets(self._path)
        seals = Seals(lambda: self._sealing_key(secrets.sealed_with), secrets.sealed_with)
        credentials = {key_id: self._prepared(key_id, kept, seals, before) for key_id, kept in secrets.keys.items()}
        tokens = {
            each.value: (key_id, each.until)
            for key_id, kept in secrets.keys.items()
            for each in kept.materials
            if each.kind == "token"
        }
        if tokens:
            # Whether it is the right one has to show now, not at the first request.
            _ = seals.key
        return self._with_revoked(_Contents(secrets.keys, credentials, tokens, seals))

    def _prepared(self, key_id: str, kept: StoredKey, seals: Seals, before: _Contents | None) -> Credential:
        """What was prepared before is good as long as nothing of it changed; unsealing and checking take their time."""
        if before is not None and before.kept.get(key_id) == kept:
            return before.credentials[key_id]
        return credential_of(key_id, kept, seals, self._fillers)

    def _sealing_key(self, expected: str | None) -> SealingKey:
        """It is asked for once, since that may run a command; and again where the file was sealed with another one."""
        found = self._found_key
        if found is None or (expected is not None and found.fingerprint != expected):
            found = self._found_key = self._find_sealing_key()
        return found

    def _with_revoked(self, contents: _Contents) -> _Contents:
        known: Collection[str] = self._revoked & contents.credentials.keys()
        revoked = {key_id: replace(contents.credentials[key_id], revoked=True) for key_id in known}
        return replace(contents, credentials={**contents.credentials, **revoked}) if revoked else contents

    def start_anew(self) -> None:
        """In a process that was forked off while a thread of the other one, which is not here, held the lock."""
        self._reading = RLock()


def _marks(path: Path) -> tuple[int, ...]:
    """What is another one whenever the file was replaced or changed."""
    try:
        found = path.stat()
    except OSError as error:
        raise KeysUnavailableError(f"{path.name}: {error.strerror}") from None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


__all__ = ["KeyStore", "KeysUnavailableError"]
