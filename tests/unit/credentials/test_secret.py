"""Secrets show themselves to nobody; the form of their texts; how they lie at rest."""

from __future__ import annotations

import copy
import hashlib
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durwan.credentials.kept_files import KeptFileError
from durwan.credentials.sealing import KeyedHash, SealingError, SealingKey
from durwan.credentials.sealing_sources import sealing_key
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import LEAK_PATTERN, is_secret_text, new_secret_text

CANARY = b"canary-in-the-coal-mine"


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{:>40}".format, "{!r}".format, "%s".__mod__])
def test_no_text_of_a_secret_holds_it(shown: Callable[[Secret], str]) -> None:
    """However a secret is turned into text, nothing of it is in there, not even its length."""
    texts = {shown(Secret(each)).strip() for each in (CANARY, b"x" * 100)}
    assert texts == {"<Secret>"}


def test_a_secret_leaves_no_process() -> None:
    """It cannot be pickled or changed, has no dict, and copies of it are itself."""
    secret = Secret(CANARY)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(secret)
    with pytest.raises(AttributeError):
        secret._value = b""  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - nobody can
    with pytest.raises(AttributeError):
        del secret._value  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - nobody can
    with pytest.raises(TypeError, match="unhashable"):
        hash(secret)
    assert not hasattr(secret, "__dict__")
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_secrets_are_equal_where_their_bytes_are() -> None:
    """Secrets of the same bytes are equal; nothing else is equal to one, its own bytes included."""
    assert Secret(CANARY) == Secret(bytes(bytearray(CANARY)))
    assert Secret(CANARY) != Secret(CANARY[:-1])
    assert Secret(CANARY) != CANARY
    assert Secret(CANARY).reveal() == CANARY


def test_a_secret_is_made_of_bytes() -> None:
    """Text is refused, so that nobody can be wrong about its encoding."""
    with pytest.raises(TypeError, match="bytes"):
        Secret("text")  # type: ignore[arg-type] # what a caller without type checks could do


# --------------------------------------------------------------------------------------------------------- its text


@pytest.mark.parametrize(
    ("environment", "begin"), [("production", "dwk_live_"), ("sandbox", "dwk_test_"), (None, "dwk_test_")]
)
def test_a_secret_text_says_what_it_is_for(environment: str | None, begin: str) -> None:
    """It begins with the purpose and the world, matches the pattern for scanners, and its check is right."""
    text = new_secret_text("dwk", environment)
    assert text.startswith(begin)
    assert re.fullmatch(LEAK_PATTERN, text)
    assert is_secret_text(text, "dwk")
    assert not is_secret_text(text, "dws")


def test_one_wrong_character_shows() -> None:
    """A text with any one character changed, left out or doubled is no secret text."""
    text = new_secret_text("dws", "production")
    for place in range(len(text)):
        other = "x" if text[place] != "x" else "y"
        for wrong in (
            text[:place] + other + text[place + 1 :],
            text[:place] + text[place + 1 :],
            text[:place] + text[place : place + 1] + text[place:],
        ):
            assert not is_secret_text(wrong, "dws")
    assert not is_secret_text(text + "\n", "dws")


def test_scanners_find_secrets_in_text() -> None:
    """The pattern finds a secret in the middle of a log line, and in nothing that is only like one."""
    text = new_secret_text("dwk", "production")
    assert re.findall(LEAK_PATTERN, f'{{"key": "{text}", "dwk_live_short": "dwk_prod_{"a" * 49}"}}') == [text]


# ------------------------------------------------------------------------------------------------------------ at rest


def key(fill: int = 7) -> SealingKey:
    return SealingKey(Secret(bytes([fill]) * 32))


@given(st.binary(max_size=200), st.lists(st.text(max_size=5), max_size=3))
def test_what_is_sealed_opens_in_its_place(content: bytes, place: list[str]) -> None:
    """Sealing and opening gives the same bytes; no two sealed texts are the same."""
    sealed = [key().seal(Secret(content), *place) for _ in range(2)]
    assert sealed[0] != sealed[1]
    assert all(key().open(each, *place).reveal() == content for each in sealed)


def test_what_is_sealed_opens_nowhere_else() -> None:
    """Another key, another place, the same words in other parts, or one changed character: refused."""
    sealed = key().seal(Secret(CANARY), "desk-7", "hmac", "1")
    for other, place in (
        (key(8), ("desk-7", "hmac", "1")),
        (key(), ("desk-8", "hmac", "1")),
        (key(), ("desk-7h", "mac", "1")),
    ):
        with pytest.raises(SealingError, match="another key or for another place"):
            other.open(sealed, *place)
    for place_of_change in range(3, len(sealed)):
        changed = (
            sealed[:place_of_change] + ("A" if sealed[place_of_change] != "A" else "B") + sealed[place_of_change + 1 :]
        )
        with pytest.raises(SealingError):
            key().open(changed, "desk-7", "hmac", "1")
    with pytest.raises(SealingError, match="newer version"):
        key().open("v2" + sealed[2:], "desk-7", "hmac", "1")


def test_hashes_are_for_one_purpose() -> None:
    """The same text has another hash for every purpose and key, and none is the plain one."""
    hashes = {key(fill).keyed_hash(purpose).of(CANARY) for fill in (1, 2) for purpose in ("a", "b")}
    assert len(hashes | {KeyedHash.for_this_process().of(CANARY), hashlib.sha256(CANARY).hexdigest()}) == 6


def test_a_sealing_key_has_32_bytes() -> None:
    """A shorter or longer one is refused."""
    for length in (0, 31, 33):
        with pytest.raises(SealingError, match="32 bytes"):
            SealingKey(Secret(b"x" * length))


# ------------------------------------------------------------------------------------------ where the key comes from

HEX = "0b" * 32


@pytest.mark.parametrize("text", [HEX, HEX.upper() + "\n", "CwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws="])
def test_the_sealing_key_comes_from_the_environment(text: str) -> None:
    """It may be hex or base64, with a line end after it."""
    assert sealing_key({"DURWAN_SEALING_KEY": text}).fingerprint == key(0x0B).fingerprint


def test_the_sealing_key_comes_from_a_file_that_is_private(tmp_path: Path) -> None:
    """A file of mode 0600 is read; one that others can read is refused."""
    path = tmp_path / "sealing.key"
    path.write_text(HEX)
    path.chmod(0o600)
    environment = {"DURWAN_SEALING_KEY_FILE": str(path)}
    assert sealing_key(environment).fingerprint == sealing_key({}, file=str(path)).fingerprint == key(0x0B).fingerprint
    for mode in (0o640, 0o604, 0o620, 0o602):
        path.chmod(mode)
        with pytest.raises(KeptFileError, match="open to others: chmod 600"):
            sealing_key(environment)


def test_the_sealing_key_comes_from_a_command() -> None:
    """What the command prints is the key; no shell interprets it."""
    assert sealing_key({"DURWAN_SEALING_KEY_COMMAND": f"printf {HEX}"}).fingerprint == key(0x0B).fingerprint
    assert sealing_key({}, command=f"printf '%s' {HEX}").fingerprint == key(0x0B).fingerprint


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "there is no sealing key"),
        ({"DURWAN_SEALING_KEY": HEX, "DURWAN_SEALING_KEY_FILE": "x"}, "more than one way"),
        ({"DURWAN_SEALING_KEY": HEX + "0"}, "not 32 bytes"),
        ({"DURWAN_SEALING_KEY": "é"}, "not 32 bytes"),
        ({"DURWAN_SEALING_KEY_COMMAND": "false"}, "ended with 1"),
        ({"DURWAN_SEALING_KEY_COMMAND": "no-such-command-here"}, "cannot be run"),
        ({"DURWAN_SEALING_KEY_COMMAND": "'"}, "cannot be read"),
        ({"DURWAN_SEALING_KEY_COMMAND": " "}, "cannot be read"),
        ({"DURWAN_SEALING_KEY_COMMAND": f"printf {HEX}; printf x"}, "not 32 bytes"),
    ],
)
def test_what_is_no_sealing_key_is_refused(environment: Mapping[str, str], message: str) -> None:
    """Each fault has its words, and none repeats what was given."""
    with pytest.raises(SealingError, match=message) as caught:
        sealing_key(environment)
    assert HEX not in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The path of a missing sealing key is named."""
    with pytest.raises(KeptFileError, match="cannot be read: No such file"):
        sealing_key({}, file=str(tmp_path / "none"))
