"""Where `policy-check` keeps what it found out, and that it can be told not to."""

from __future__ import annotations

from pathlib import Path

import pytest

from durwan.cli.policy_check import main

POLICY = "actions { a }\nallow x on a when key.revoked\n"


@pytest.fixture
def policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy set in a directory, and a user's cache directory beside it."""
    monkeypatch.setenv("DURWAN_CACHE", str(tmp_path / "users"))
    place = tmp_path / "set"
    place.mkdir()
    (place / "a.policy").write_text(POLICY)
    return place


def test_the_users_own_directory_is_the_default(policies: Path) -> None:
    """Without an option, what was found out lies in the user's directory, and says the same the next time."""
    assert [main(["check", str(policies), "-q"]) for _ in range(2)] == [0, 0]
    # One document for the parsed files, one for what was proved.
    assert len([*(policies.parent / "users").iterdir()]) == 2


def test_another_directory_can_be_named(policies: Path, tmp_path: Path) -> None:
    """`--cache DIR` uses that directory and no other."""
    assert main(["show", str(policies), "--cache", str(tmp_path / "other")]) == 0
    assert [*(tmp_path / "other").iterdir()]
    assert not (tmp_path / "users").exists()


def test_nothing_need_be_kept(policies: Path, tmp_path: Path) -> None:
    """`--no-cache` neither reads nor writes."""
    assert main(["check", str(policies), "-q", "--no-cache"]) == 0
    assert not (tmp_path / "users").exists()


def test_a_directory_that_is_not_safe(policies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A directory that others may write to is an error where it was named, and left alone where it was not."""
    unsafe = policies.parent / "users"
    unsafe.mkdir()
    unsafe.chmod(0o777)
    assert main(["check", str(policies), "-q"]) == 0
    assert not [*unsafe.iterdir()]
    assert main(["check", str(policies), "-q", "--cache", str(unsafe)]) == 2
    assert "others may write to the cache directory" in capsys.readouterr().err


def test_only_one_of_the_two(policies: Path) -> None:
    """To name a directory and to want none is a contradiction."""
    assert main(["check", str(policies), "--cache", "x", "--no-cache"]) == 2
