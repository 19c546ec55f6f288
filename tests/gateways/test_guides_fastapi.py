"""guides/fastapi.md, from its first block to its last, as its reader would."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "guides" / "fastapi.md"
BIN = Path(sys.executable).parent
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+/?\S*\.\w+)\n")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass
class Reader:
    """Does what a guide says, in a directory."""

    folder: Path
    port: int = field(default_factory=free_port)
    server: subprocess.Popen[bytes] | None = None
    asked: int = 0

    def __post_init__(self) -> None:
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        python_path = os.pathsep.join((str(ROOT / "engine"), str(self.folder)))
        self.environment = {"PATH": path, "PYTHONPATH": python_path, "HOME": str(self.folder), "NO_PROXY": "*"}

    def do(self, kind: str, text: str) -> None:
        """One block: a file, commands, a server, or commands with what they print."""
        text = text.replace("8000", str(self.port))
        named = _FILE.match(text)
        if kind == "console":
            self._compare(text)
        elif kind != "sh" and named is not None:
            path = self.folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif text.startswith("uvicorn "):
            self._serve(text)
        elif not text.startswith("pip "):
            self._shell(text)

    def _shell(self, text: str) -> str:
        """Runs commands, and keeps what they export or set for those that follow."""
        script = f"set -e -a\n{text}\nset +e +a; env -0 > .environment\n"
        done = subprocess.run(
            ["sh", "-c", script], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
            timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        kept = (self.folder / ".environment").read_text().split("\0")
        self.environment = dict(each.split("=", 1) for each in kept if "=" in each)
        return done.stdout

    def _serve(self, text: str) -> None:
        with (self.folder / "server.log").open("wb") as log:
            command = [str(BIN / "uvicorn"), *text.split()[1:]]
            self.server = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        until = time.monotonic() + 30
        while time.monotonic() < until and self.server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        pytest.fail((self.folder / "server.log").read_text())

    def _compare(self, text: str) -> None:
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            pattern = ".*?".join(re.escape(each) for each in expected.strip().split("..."))
            found = self._shell(command).strip()
            assert re.fullmatch(pattern, found, re.DOTALL), f"{command}\n{found}"
            self.asked += 1


@pytest.fixture(name="reader")
def reader_fixture(tmp_path: Path) -> Iterator[Reader]:
    for tool in ("curl", "openssl", "uvicorn", "durwan"):
        if shutil.which(tool, path=f"{BIN}{os.pathsep}{os.environ['PATH']}") is None:
            pytest.skip(f"the guide needs {tool}, which is not here")
    reader = Reader(tmp_path)
    yield reader
    if reader.server is not None:
        reader.server.terminate()
        reader.server.wait(10)


def test_the_guide_does_what_it_says(reader: Reader) -> None:
    """Each file, command and answer of the guide, one after the other."""
    blocks = _BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    for kind, text in blocks:
        reader.do(kind, text)
    assert reader.asked == 10
    log = (reader.folder / "server.log").read_text()
    assert "Traceback" not in log
    assert (reader.folder / "desk-7.token").read_text().strip() not in log


def test_a_forgotten_line_closes_the_door(reader: Reader) -> None:
    """Without `protect`, what named an action answers nobody."""
    for kind, text in _BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        reader.do(kind, text.replace("protect(app, Gate(parts))\n", ""))
        if reader.server is not None:
            break
    reader.do("console", "$ curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8000/status\n500\n")
