"""Policy sets from git revisions: what is found, and that nothing of a hostile repository is obeyed."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import pytest

from durwan.language import git_objects, set_files
from durwan.language.git_revision import GitNotInstalledError
from durwan.language.policy_set import PolicySetError, read_revision
from tests.repositories import FILE, LINK, SUBMODULE, Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def refused(repository: Repository, revision: str = "main", subdirectory: str = "") -> str:
    with pytest.raises(PolicySetError) as caught:
        read_revision(repository.path, revision, subdirectory)
    return str(caught.value)


def history(repository: Repository) -> list[str]:
    """Three commits on main, of `a.policy` with 0, 1 and 2, and a merge of the last two."""
    made: list[str] = []
    for number in range(3):
        tree = repository.tree((FILE, repository.blob(b"%d" % number), "a.policy"))
        made.append(repository.commit(tree, *made[-1:]))
    tree = repository.tree((FILE, repository.blob(b"3"), "a.policy"))
    made.append(repository.commit(tree, made[2], made[0]))
    return made


@pytest.mark.parametrize(
    ("revision", "content"),
    [
        ("HEAD", b"3"), ("main", b"3"), ("refs/heads/main", b"3"), ("heads/main", b"3"), ("HEAD~1", b"2"),
        ("HEAD~", b"2"),
        ("main~2", b"1"), ("main^", b"2"), ("main^2", b"0"), ("main^1~1^", b"0"), ("main^0", b"3"), ("main~0", b"3"),
        ("v1", b"1"), ("refs/tags/v1", b"1"), ("v1~1", b"0"), ("light", b"0"), ("feature/x-1", b"0"),
        ("origin/main", b"1"),
    ],
)  # fmt: skip
def test_a_revision_may_be_named_as_git_names_them(repository: Repository, revision: str, content: bytes) -> None:
    """Branches, tags of both kinds, remote branches, `HEAD`, and their ancestors."""
    commits = history(repository)
    repository.git("tag", "-a", "-m", "x", "v1", commits[1])
    repository.git("tag", "light", commits[0])
    repository.git("branch", "feature/x-1", commits[0])
    repository.git("update-ref", "refs/remotes/origin/main", commits[1])
    assert read_revision(repository.path, revision).files == {"a.policy": content}
    repository.git("pack-refs", "--all")
    repository.git("gc", "-q")
    assert read_revision(repository.path, revision).files == {"a.policy": content}


def test_a_revision_may_be_given_by_its_digits(repository: Repository) -> None:
    """All forty, or enough of them."""
    commits = history(repository)
    assert read_revision(repository.path, commits[0]).files == {"a.policy": b"0"}
    assert read_revision(repository.path, commits[0][:10]).files == {"a.policy": b"0"}
    assert read_revision(repository.path, commits[1][:10] + "~1").name == f"{repository.path} at {commits[1][:10]}~1"


@pytest.mark.parametrize(
    "revision",
    ["", "refs/heads/../x", "../x", "-x", "--upload-pack=x", "main:a.policy", "main@{1}", "a..b", "ma in", "main\n",
     "/main",
     "main.lock", "main/", "refs//heads/main", "x" * 300, "~1", "^main", "main~99999", "\u00e9"],
)  # fmt: skip
def test_what_is_no_name_of_a_revision_is_refused(repository: Repository, revision: str) -> None:
    """Paths, options and whatever else git would make something of."""
    history(repository)
    assert "is not the name of a revision" in refused(repository, revision)


@pytest.mark.parametrize(
    "revision", ["other", "0" * 40, "0123456", "config", "main~9", "main^3", "HEAD~4", "FETCH_HEAD"]
)
def test_revisions_that_are_not_there_are_refused(repository: Repository, revision: str) -> None:
    """With the name that was asked for."""
    history(repository)
    message = refused(repository, revision)
    assert "has no revision" in message or "does not have the object" in message


def test_an_object_that_is_no_commit_is_refused(repository: Repository) -> None:
    """The digits of a file or folder name no revision."""
    history(repository)
    tree = repository.git("rev-parse", "main^{tree}")
    assert "is not a commit" in refused(repository, tree)


def test_the_set_may_lie_in_a_subdirectory(repository: Repository) -> None:
    """Given by name, or by pointing into the working copy."""
    inner = repository.tree((FILE, repository.blob(b"x"), "a.policy"))
    middle = repository.tree(("040000", inner, "set"))
    repository.commit(repository.tree((FILE, repository.blob(b"y"), "b.policy"), ("040000", middle, "deep")))
    assert read_revision(repository.path, "main", "deep/set").files == {"a.policy": b"x"}
    assert read_revision(repository.path, "main", "deep/set/").files == {"a.policy": b"x"}
    assert set(read_revision(repository.path, "main", ".").files) == {"b.policy", "deep/set/a.policy"}
    (repository.path / "deep" / "set").mkdir(parents=True)
    assert read_revision(repository.path / "deep" / "set", "main").files == {"a.policy": b"x"}
    assert "has no directory 'other'" in refused(repository, "main", "other")
    assert "has no directory 'deep/set/a.policy'" in refused(repository, "main", "deep/set/a.policy")
    assert "cannot be part" in refused(repository, "main", "../deep")


def test_bare_repositories_working_trees_and_clones_that_borrow_are_read(tmp_path: Path) -> None:
    """Wherever git keeps its objects."""
    origin = Repository(tmp_path / "origin")
    history(origin)
    origin.git("worktree", "add", "-q", "-b", "other", "../tree", "main~1")
    assert read_revision(tmp_path / "tree", "HEAD").files == {"a.policy": b"2"}
    assert read_revision(tmp_path / "tree", "main").files == {"a.policy": b"3"}
    origin.git("clone", "-q", "--bare", ".", "../bare.git")
    assert read_revision(tmp_path / "bare.git", "main").files == {"a.policy": b"3"}
    origin.git("clone", "-q", "--shared", ".", "../shared")
    assert read_revision(tmp_path / "shared", "HEAD~1").files == {"a.policy": b"2"}


def test_a_shallow_clone_says_what_it_lacks(tmp_path: Path) -> None:
    """The parent of the only commit is not there."""
    origin = Repository(tmp_path / "origin")
    history(origin)
    origin.git("clone", "-q", "--depth", "1", f"file://{origin.path}", "../shallow")
    assert read_revision(tmp_path / "shallow", "HEAD").files == {"a.policy": b"3"}
    with pytest.raises(PolicySetError, match="shallow clone"):
        read_revision(tmp_path / "shallow", "HEAD~1")


def test_what_is_no_repository_is_refused(tmp_path: Path) -> None:
    """A directory without one, and one that is not there."""
    with pytest.raises(PolicySetError, match="is not there"):
        read_revision(tmp_path / "missing", "main")
    with pytest.raises(PolicySetError, match="not in a git repository"):
        read_revision(tmp_path, "main")


def test_an_empty_repository_or_set_is_refused(repository: Repository) -> None:
    """No commit, no files, and no policy files."""
    assert "has no revision 'main'" in refused(repository)
    repository.commit(repository.tree())
    assert "has no policy files" in refused(repository)
    repository.commit_files(policy__yaml=b"name: x")
    assert "has no policy files" in refused(repository)


# ---------------------------------------------------------------- hostile trees


@pytest.mark.parametrize("target", ["/etc/passwd", "../../..", "a.policy"])
def test_symbolic_links_refuse_the_whole_tree(repository: Repository, target: str) -> None:
    """Wherever they lead, whatever they are called, in whatever folder, even a hidden one."""
    file, link = repository.blob(b"x"), repository.blob(target.encode())
    for name in ("b.policy", "rules", "README.md", ".hidden"):
        repository.commit(repository.tree((FILE, file, "a.policy"), (LINK, link, name)))
        assert refused(repository).endswith(f"is refused: {name!r} is a symbolic link")
    folder = repository.tree((LINK, link, "deep"))
    repository.commit(repository.tree(("040000", folder, ".github"), (FILE, file, "a.policy")))
    assert refused(repository).endswith("is refused: '.github/deep' is a symbolic link")


def test_submodules_refuse_the_whole_tree(repository: Repository) -> None:
    """Their files are somebody else's."""
    tree = repository.tree((FILE, repository.blob(b"x"), "a.policy"), (SUBMODULE, "1" * 40, "sub"))
    repository.commit(tree)
    assert refused(repository).endswith("is refused: 'sub' is a submodule")


def test_entries_of_other_modes_refuse_the_whole_tree(repository: Repository) -> None:
    """Devices and pipes have no place in a tree."""
    repository.commit(
        repository.tree((FILE, repository.blob(b"x"), "a.policy"), ("20644", repository.blob(b""), "dev"))
    )
    assert "of the repository is refused: invalid mode" in refused(repository)


@pytest.mark.parametrize(
    "name",
    [".git", ".GIT", ".g\u200cit", "git~1", "..", ".", "a\nb.policy", "--upload-pack=x.policy", "a\\b", "c:x",
     "\udcff.policy",
     "a\u202eb", ".git.", "a/b.policy"],
)  # fmt: skip
def test_odd_names_refuse_the_whole_tree(repository: Repository, name: str) -> None:
    """Also of files that take no part, and of folders."""
    file = repository.blob(b"x")
    for mode, target in ((FILE, file), ("040000", repository.tree((FILE, file, "config")))):
        repository.commit(repository.tree((FILE, file, "a.policy"), (mode, target, name)))
        message = refused(repository)
        assert "cannot be part of a policy set" in message or "of the repository is refused" in message


@pytest.mark.parametrize(("one", "two"), [("A.policy", "a.policy"), ("cafe\u0301.policy", "caf\u00e9.policy")])
def test_names_that_are_one_elsewhere_are_refused(repository: Repository, one: str, two: str) -> None:
    """Where case or the form of accents does not count, one of the two would be missing."""
    file = repository.blob(b"x")
    repository.commit(repository.tree((FILE, file, one), (FILE, file, two)))
    assert "are one and the same on other systems" in refused(repository)


def test_a_name_that_stands_twice_is_refused(repository: Repository) -> None:
    """Readers would differ on which file it is."""
    one, two = repository.blob(b"1"), repository.blob(b"2")
    repository.commit(repository.tree((FILE, one, "a.policy"), (FILE, two, "a.policy")))
    assert "of the repository is refused: duplicate entry" in refused(repository)


def test_nothing_of_a_repository_is_run(repository: Repository, tmp_path: Path) -> None:
    """Hooks, filters, aliases, included configuration and a file-system monitor: none of them leaves a trace."""
    canary = tmp_path / "canary"
    program = f"#!/bin/sh\ntouch {canary}\n"
    repository.commit_files(
        a__policy=b"x",
        __gitattributes=b"* filter=evil diff=evil\n",
        __gitmodules=b'[submodule "x"]\n url=-u./payload\n',
    )
    for hook in ("post-checkout", "reference-transaction", "pre-auto-gc"):
        place = repository.path / ".git" / "hooks" / hook
        place.parent.mkdir(exist_ok=True)
        place.write_text(program)
        place.chmod(0o755)
    evil = tmp_path / "evil"
    evil.write_text(program)
    evil.chmod(0o755)
    (repository.path / ".git" / "config").write_text(
        f'[core]\n\tfsmonitor = {evil}\n\tsshCommand = {evil}\n[filter "evil"]\n\tsmudge = {evil}\n\tclean = {evil}\n'
        f'[diff "evil"]\n\ttextconv = {evil}\n[alias]\n\tshow = !{evil}\n[include]\n\tpath = {evil}\n'
    )
    assert read_revision(repository.path, "main").files == {"a.policy": b"x"}
    assert not canary.exists()


def test_a_broken_configuration_does_not_matter(repository: Repository) -> None:
    """It is not even opened."""
    repository.commit_files(a__policy=b"x")
    (repository.path / ".git" / "config").write_bytes(b"\xff[[[")
    assert read_revision(repository.path, "main").files == {"a.policy": b"x"}


@pytest.mark.parametrize("packed", [False, True])
def test_sizes_are_looked_up_before_anything_is_inflated(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    """Loose and packed; at the ceiling a file is read."""
    repository.commit_files(a__policy=b"x" * 5_000)
    if packed:
        repository.git("gc", "-q", "--prune=now")
    monkeypatch.setattr(git_objects, "FILE_CEILING", 5_000)
    assert len(read_revision(repository.path, "main").files["a.policy"]) == 5_000
    monkeypatch.setattr(git_objects, "FILE_CEILING", 4_999)
    assert "is too large" in refused(repository)
    monkeypatch.setattr(git_objects, "FILE_CEILING", 5_000)
    monkeypatch.setattr(set_files, "FILE_CEILING", 4_999)
    assert "no file is read that has more than 4999" in refused(repository)


def test_a_loose_object_that_lies_about_its_size_is_refused(repository: Repository) -> None:
    """What inflates to more than it says, and what says too much."""
    for head in (b"blob 1\0", b"blob %d\0" % (1 << 40), b"blob x\0", b"nonsense", b"blob -1\0"):
        repository.commit_files(a__policy=b"innocent")
        blob = repository.git("rev-parse", "main:a.policy")
        place = repository.path / ".git" / "objects" / blob[:2] / blob[2:]
        place.chmod(0o644)
        place.write_bytes(zlib.compress(head + bytes(1 << 20)))
        message = refused(repository)
        assert any(reason in message for reason in ("too large", "damaged", "not as large as it says"))


def test_objects_written_as_differences_count_whole(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small difference to a large object is as large as both, and as what it becomes."""
    base = bytes(range(256)) * 40
    first = repository.commit_files(a__policy=base)
    tree = repository.tree((FILE, repository.blob(base + b"more"), "a.policy"))
    repository.commit(tree, first)
    repository.git("repack", "-adfq", "--depth=50", "--window=50")
    for revision, length in (("main", 10_244), ("main~1", 10_240)):
        assert len(read_revision(repository.path, revision).files["a.policy"]) == length
    monkeypatch.setattr(git_objects, "FILE_CEILING", 10_243)
    assert "is too large" in refused(repository)
    monkeypatch.setattr(git_objects, "FILE_CEILING", 20_000)
    monkeypatch.setattr(git_objects, "_CHAIN_CEILING", 10_250)
    outcomes: list[bool] = []
    for revision in ("main", "main~1"):
        try:
            read_revision(repository.path, revision)
            outcomes.append(True)
        except PolicySetError:
            outcomes.append(False)
    assert sorted(outcomes) == [False, True]


def test_too_many_files_are_refused(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a few trees repeat each other into very many."""
    file = repository.blob(b"x")
    tree = repository.tree((FILE, file, "a.policy"))
    for _ in range(8):
        tree = repository.tree(*(("040000", tree, f"d{number}") for number in range(10)))
    repository.commit(tree)
    monkeypatch.setattr(set_files, "MOST_ENTRIES", 2_000)
    assert "more than 2000 files and folders" in refused(repository)


def test_without_the_extra_the_command_that_installs_it_is_given(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else of the engine needs git."""
    repository.commit_files(a__policy=b"x")
    monkeypatch.setitem(sys.modules, "dulwich.object_store", None)
    with pytest.raises(GitNotInstalledError, match=r"pip install 'durwan\[git\]'"):
        read_revision(repository.path, "main")
