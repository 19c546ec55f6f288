"""Git repositories for tests: real ones, made by git's own plumbing, whatever git itself would think of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

LINK, SUBMODULE, FILE, PROGRAM = "120000", "160000", "100644", "100755"
ENVIRONMENT = {
    **os.environ,
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}  # fmt: skip


def _place(entry: tuple[str, str, str]) -> bytes:
    """Git sorts a folder as if its name ended in a slash."""
    mode, _, name = entry
    return (name + "/" * (mode == "040000")).encode("utf-8", "surrogateescape")


class Repository:
    """A real repository, made by git itself."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        path.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main", *options)

    def git(self, *arguments: str, given: bytes = b"") -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=ENVIRONMENT, input=given, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", given=content)

    def tree(self, *entries: tuple[str, str, str]) -> str:
        """A tree of (mode, object, name), whatever git itself would think of it."""
        raw = b"".join(
            f"{mode.removeprefix('0')} {name}\0".encode("utf-8", "surrogateescape") + bytes.fromhex(target)
            for mode, target, name in sorted(entries, key=_place)
        )
        return self.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", given=raw)

    def commit(self, tree: str, *parents: str) -> str:
        options = [option for parent in parents for option in ("-p", parent)]
        made = self.git("commit-tree", tree, "-m", "x", *options)
        self.git("update-ref", "refs/heads/main", made)
        return made

    def commit_files(self, **files: bytes) -> str:
        entries = [(FILE, self.blob(content), name.replace("__", ".")) for name, content in files.items()]
        return self.commit(self.tree(*entries))
