"""`policy-check fmt`: the one layout."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Call

UGLY = "actions {   orders.create }\ndeny x  on orders.create\n"


@pytest.fixture
def ugly(tmp_path: Path) -> Path:
    where = tmp_path / "set"
    where.mkdir()
    (where / "a.policy").write_text(UGLY)
    return where


def test_rewrites(call: Call, ugly: Path) -> None:
    """Files are changed in place, their mode stays, and a second run has nothing to do."""
    path = ugly / "a.policy"
    path.chmod(0o640)
    ended = call("fmt", ugly)
    assert ended.code == 0
    assert ended.out == f"changed {path}\n1 file changed\n"
    assert path.read_text() != UGLY
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(ugly) == ["a.policy"]  # noqa: PTH208 - names, not paths
    again = call("fmt", ugly)
    assert (again.code, again.out) == (0, "0 files changed\n")


def test_check(call: Call, ugly: Path) -> None:
    """Nothing is changed; what would be is named, and the exit code is 1."""
    ended = call("fmt", "--check", ugly)
    assert ended.code == 1
    assert ended.out == f"would change {ugly}/a.policy\n1 file would change\n"
    assert (ugly / "a.policy").read_text() == UGLY
    call("fmt", ugly)
    assert call("fmt", "--check", ugly).code == 0


def test_diff(call: Call, ugly: Path) -> None:
    """The difference is printed, and nothing is changed."""
    ended = call("fmt", "--diff", ugly / "a.policy")
    assert ended.code == 1
    assert ended.out == (
        f"--- a{ugly}/a.policy\n"
        f"+++ b{ugly}/a.policy\n"
        "@@ -1,2 +1,4 @@\n"
        "-actions {   orders.create }\n"
        "-deny x  on orders.create\n"
        "+actions { orders.create }\n"
        "+\n"
        "+deny x\n"
        "+  on orders.create\n"
    )
    assert (ugly / "a.policy").read_text() == UGLY


def test_several_files(call: Call, ugly: Path) -> None:
    """Files may be named one by one, as pre-commit does."""
    (ugly / "b.policy").write_text(UGLY)
    (ugly / "c.policy").write_text(UGLY)
    assert call("fmt", ugly / "a.policy", ugly / "c.policy", "-f", "json").json["changed"] == [
        f"{ugly}/a.policy",
        f"{ugly}/c.policy",
    ]
    assert (ugly / "b.policy").read_text() == UGLY


def test_file_with_mistakes(call: Call, ugly: Path) -> None:
    """It stays as it is and its mistakes are drawn; other files are formatted all the same."""
    (ugly / "bad.policy").write_text("deny on on on\n")
    ended = call("fmt", ugly)
    assert ended.code == 3
    assert f" --> {ugly}/bad.policy:1:6\n" in ended.out
    assert (ugly / "bad.policy").read_text() == "deny on on on\n"
    assert (ugly / "a.policy").read_text() != UGLY


def test_not_utf8(call: Call, ugly: Path) -> None:
    """A file in another encoding is a mistake, not a traceback."""
    (ugly / "a.policy").write_bytes(b"# \xff\n")
    assert call("fmt", ugly).code == 3


def test_standard_input(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` formats standard input to standard output, for editors."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(UGLY.encode())))
    ended = call("fmt", "-")
    assert ended.code == 0
    assert ended.out.startswith("actions { orders.create }\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"deny on on on\n")))
    ended = call("fmt", "-")
    assert ended.code == 3
    assert " --> <stdin>:1:6\n" in ended.out
    assert call("fmt", "-", "x.policy").code == 2


@pytest.mark.parametrize("name", ["nowhere", "policy.yaml"])
def test_wrong_paths(call: Call, ugly: Path, name: str) -> None:
    """What is not there, and what is no policy file, is a wrong call."""
    (ugly / "policy.yaml").write_text("name: x\n")
    assert call("fmt", ugly / name).code == 2


def test_link_stays_a_link(call: Call, ugly: Path) -> None:
    """Through a link, the file that it names is rewritten."""
    link = ugly / "link.policy"
    link.symlink_to("a.policy")
    assert call("fmt", link).code == 0
    assert link.is_symlink()
    assert (ugly / "a.policy").read_text() != UGLY
