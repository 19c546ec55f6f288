"""Policy sets from directories and texts: which files they are, and what is not safe to read."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from durwan.language import set_files
from durwan.language.policy_set import PolicySet, PolicySetError, read_directory, read_mapping


def write(root: Path, files: dict[str, bytes | str]) -> Path:
    for path, content in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def refused(root: Path) -> str:
    with pytest.raises(PolicySetError) as caught:
        read_directory(root)
    return str(caught.value)


# ---------------------------------------------------------------- directories


def test_the_files_of_a_set_are_read_in_source_order(tmp_path: Path) -> None:
    """Policies, YAML and lists, in any folders, sorted by the bytes of their paths."""
    files: dict[str, bytes | str] = {
        "b.policy": "b", "a.policy": "a", "Z.policy": "z", "a/x.policy": "ax", "a-b.policy": "a-b",
        "policy.yaml": "name: x",
        "lists/tor.txt": "10.0.0.0/8", "keys/k.yml": "keys: []", "tests/t.yaml": "", "\u00e9.policy": b"\xff\xfe\x00",
    }  # fmt: skip
    found = read_directory(write(tmp_path, files))
    assert list(found.files) == sorted(files, key=str.encode)
    assert found.files["\u00e9.policy"] == b"\xff\xfe\x00"
    assert found.files["a/x.policy"] == b"ax"
    assert found.name == str(tmp_path)


def test_hidden_and_unrelated_files_take_no_part(tmp_path: Path) -> None:
    """What begins with a point, in any folder, and other kinds of files."""
    write(
        tmp_path,
        {
            "a.policy": "", "README.md": "", "a.policy.bak": "", "script.py": "", "POLICY": "", ".hidden.policy": "",
            ".git/x.policy": "", ".github/x.yaml": "", "deep/.cache/x.policy": "", "image.png": b"\x89PNG",
        },
    )  # fmt: skip
    assert list(read_directory(tmp_path).files) == ["a.policy"]


def test_a_path_may_be_given_as_text_and_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory is `.`."""
    write(tmp_path, {"a.policy": "x"})
    monkeypatch.chdir(tmp_path)
    assert read_directory(".").files == {"a.policy": b"x"}
    assert read_directory(str(tmp_path)).files == {"a.policy": b"x"}


def test_the_reference_policy_set_is_read() -> None:
    """All of its files, and nothing of them changed."""
    root = Path(__file__).parents[3] / "policies"
    found = read_directory(root)
    assert found.files["policy.yaml"] == (root / "policy.yaml").read_bytes()
    assert len([path for path in found.files if path.endswith(".policy")]) > 10


def test_what_is_not_there_or_no_directory_is_refused(tmp_path: Path) -> None:
    """Each with its reason."""
    write(tmp_path, {"a.policy": ""})
    assert "No such file" in refused(tmp_path / "missing")
    assert "is not a directory" in refused(tmp_path / "a.policy")


def test_a_directory_without_policies_is_refused(tmp_path: Path) -> None:
    """A mount that is not there yet must not be taken for a policy that says nothing."""
    write(tmp_path, {"policy.yaml": "name: x", "README.md": ""})
    assert "has no policy files" in refused(tmp_path)


def test_a_link_within_the_set_is_followed(tmp_path: Path) -> None:
    """As configuration is mounted: each file a link into a hidden folder that is a link itself."""
    write(tmp_path, {"..2026_01/a.policy": "x"})
    (tmp_path / "..data").symlink_to("..2026_01")
    (tmp_path / "a.policy").symlink_to("..data/a.policy")
    assert read_directory(tmp_path).files == {"a.policy": b"x"}


def test_the_set_itself_may_be_reached_by_a_link(tmp_path: Path) -> None:
    """What counts is where the set really lies."""
    write(tmp_path / "real", {"a.policy": "x"})
    (tmp_path / "current").symlink_to("real")
    assert read_directory(tmp_path / "current").files == {"a.policy": b"x"}


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside.policy", "../set-evil/x.policy"])
def test_a_link_out_of_the_set_is_refused(tmp_path: Path, target: str) -> None:
    """Were it skipped, a deny could be missing; were it followed, a policy could read any file."""
    root = write(tmp_path / "set", {"a.policy": ""})
    write(tmp_path, {"outside.policy": "", "set-evil/x.policy": ""})
    (root / "b.policy").symlink_to(target)
    assert refused(root) == "'b.policy' is a link that leads out of the policy set"


def test_links_that_lead_nowhere_or_in_circles_are_refused(tmp_path: Path) -> None:
    """Both would leave a file out."""
    root = write(tmp_path / "one", {"a.policy": ""})
    (root / "b.policy").symlink_to("missing.policy")
    assert refused(root) == "'b.policy' is a link that leads nowhere"
    root = write(tmp_path / "two", {"a.policy": ""})
    (root / "b.policy").symlink_to("b.policy")
    assert refused(root) == "'b.policy' is a link that leads nowhere"


def test_folders_that_are_links_are_refused(tmp_path: Path) -> None:
    """They could lead in circles; skipped, they could hide a deny. A hidden one takes no part anyway."""
    root = write(tmp_path / "set", {"a.policy": "", "more/b.policy": ""})
    (root / ".hidden").symlink_to("more")
    assert set(read_directory(root).files) == {"a.policy", "more/b.policy"}
    (root / "again").symlink_to(".")
    assert refused(root) == "the folder 'again' is a link; folders that are links are not read"


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A pipe would block for ever; a folder of such a name is a folder."""
    write(tmp_path, {"a.policy": "", "folder.policy/b.policy": ""})
    assert set(read_directory(tmp_path).files) == {"a.policy", "folder.policy/b.policy"}
    os.mkfifo(tmp_path / "pipe.policy")
    assert refused(tmp_path) == "'pipe.policy' is not a regular file"


@pytest.mark.parametrize(
    "name", ["a\nb.policy", "a\u202eb.policy", "a\u200bb.policy", "--force.policy", "a\\b.policy", "a:b.policy",
             " a.policy",
             "a\x7f.policy", "git~1.policy"]
)  # fmt: skip
def test_file_names_that_hide_or_mean_something_else_are_refused(tmp_path: Path, name: str) -> None:
    """Line breaks, bidirectional controls, options, and the separators of other systems."""
    write(tmp_path, {"a.policy": "", name: ""})
    assert "cannot be part of a policy set" in refused(tmp_path)


def test_a_file_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8."""
    write(tmp_path, {"a.policy": ""})
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.policy"))).write_bytes(b"")
    assert "cannot be part of a policy set" in refused(tmp_path)


@pytest.mark.parametrize(
    ("one", "two"),
    [("Rules/A.policy", "rules/a.policy"), ("caf\u00e9.policy", "cafe\u0301.policy"), ("\u1e9e.policy", "ss.policy")],
)
def test_names_that_are_one_elsewhere_are_refused(tmp_path: Path, one: str, two: str) -> None:
    """On a system that does not tell them apart one of the two files would be missing."""
    write(tmp_path, {one: "", two: ""})
    assert "are one and the same on other systems" in refused(tmp_path)
    assert unicodedata.normalize("NFC", one) != two


def test_sizes_are_checked_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a gigabyte of nothing costs nothing; at the ceiling a file is read."""
    write(tmp_path, {"a.policy": ""})
    with (tmp_path / "big.txt").open("wb") as file:
        file.truncate(1 << 30)
    assert refused(tmp_path) == (
        f"the file 'big.txt' has {1 << 30} bytes; no file is read that has more than {set_files.FILE_CEILING}"
    )
    monkeypatch.setattr(set_files, "FILE_CEILING", 10)
    write(tmp_path, {"big.txt": b"x" * 10})
    assert len(read_directory(tmp_path).files["big.txt"]) == 10
    write(tmp_path, {"big.txt": b"x" * 11})
    assert "has 11 bytes" in refused(tmp_path)


def test_the_whole_set_and_the_number_of_files_have_ceilings_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One below each is read, one above is not."""
    write(tmp_path, {"a.policy": "12345", "b.policy": "12345", "c.md": "", "d.md": ""})
    monkeypatch.setattr(set_files, "SET_CEILING", 10)
    monkeypatch.setattr(set_files, "MOST_FILES", 2)
    monkeypatch.setattr(set_files, "MOST_ENTRIES", 4)
    assert len(read_directory(tmp_path).files) == 2
    monkeypatch.setattr(set_files, "SET_CEILING", 9)
    assert "more than 9 bytes" in refused(tmp_path)
    monkeypatch.setattr(set_files, "SET_CEILING", 10)
    monkeypatch.setattr(set_files, "MOST_FILES", 1)
    assert "more than 1 policy files" in refused(tmp_path)
    monkeypatch.setattr(set_files, "MOST_FILES", 2)
    monkeypatch.setattr(set_files, "MOST_ENTRIES", 3)
    assert "more than 3 files and folders" in refused(tmp_path)


def test_folders_may_not_nest_without_end(tmp_path: Path) -> None:
    """32 levels are plenty."""
    write(tmp_path, {"a.policy": "", "/".join("d" * 40) + "/b.policy": ""})
    assert "it is too long" in refused(tmp_path)


# ---------------------------------------------------------------- texts


def test_texts_become_bytes_in_source_order() -> None:
    """Text is UTF-8; bytes stay; every path that is given is kept."""
    found = read_mapping({"b.policy": "\u00e9", "a.policy": b"\xff", "lists/x": "1"})
    assert isinstance(found, PolicySet)
    assert list(found.files.items()) == [("a.policy", b"\xff"), ("b.policy", b"\xc3\xa9"), ("lists/x", b"1")]
    assert read_mapping({}).files == {}


def test_a_lone_surrogate_is_left_to_the_reader_of_the_text() -> None:
    """It becomes bytes that are not UTF-8."""
    content = read_mapping({"a.policy": "\ud800"}).files["a.policy"]
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")


@pytest.mark.parametrize(
    "path",
    ["", "/a.policy", "../a.policy", "a/../b.policy", "./a.policy", "a//b.policy", "a/", ".git/config", "x/.GIT/config",
     "git~1/config", ".g\u200cit/config", "a\nb.policy", "--upload-pack=x.policy", "C:a.policy", "a\\b.policy",
     "a\x00.policy",
     "a.", "a./b", "x" * 2_000, "/".join("d" * 40), "\ud800.policy"],
)  # fmt: skip
def test_paths_that_are_not_plain_are_refused(path: str) -> None:
    """Absolute ones, ones that climb, git's own, and characters that cannot be seen."""
    with pytest.raises(PolicySetError, match="cannot be part of a policy set"):
        read_mapping({path: ""})


def test_the_files_cannot_be_changed() -> None:
    """A policy set is what was read."""
    files: object = read_mapping({"a.policy": ""}).files
    with pytest.raises(TypeError):
        files["a.policy"] = b"x"  # type: ignore[index] # pyright: ignore[reportIndexIssue]
