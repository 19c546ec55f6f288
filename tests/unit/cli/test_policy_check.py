"""`policy-check` as a whole: commands, exit codes, what goes where."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from durwan import __version__
from durwan.cli import check
from durwan.cli.policy_check import COMMANDS, main
from tests.unit.cli.conftest import Call


def run(*words: str | Path, stdin: bytes = b"", python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, *python, "-m", "durwan.cli.policy_check", *map(str, words)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)


def test_version_is_that_of_the_package(call: Call) -> None:
    """The number that is written out is the one that was installed."""
    assert call("--version").out == f"policy-check {__version__}\n"
    assert version("durwan") == __version__


def test_version_imports_nothing_it_does_not_need() -> None:
    """A hook that only asks for the version does not wait for the parser, pydantic or YAML."""
    script = (
        "import sys\n"
        "from durwan.cli.policy_check import main\n"
        "main(['--version'])\n"
        "heavy = {'argparse', 'lark', 'pydantic', 'yaml', 'durwan.compilation', 'durwan.workshop'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60)
    assert found.stdout.decode() == f"policy-check {__version__}\n[]\n"


def test_explain_imports_no_compiler() -> None:
    """A command imports what it needs: the page of a code needs no parser."""
    script = (
        "import sys\n"
        "from durwan.cli.policy_check import main\n"
        "main(['explain', 'P0801'])\n"
        "assert not {'lark', 'pydantic', 'yaml', 'durwan.compilation'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60)


def test_overview(call: Call) -> None:
    """Help names every command, shows examples, and lists the exit codes."""
    ended = call("--help")
    assert ended.code == 0
    assert ended.err == ""
    assert all(f"\n  {name} " in ended.out for name in COMMANDS)
    assert "\nexamples:\n" in ended.out
    assert "\nexit codes:\n  0  good\n" in ended.out
    assert max(len(line) for line in ended.out.splitlines()) <= 100


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(call: Call, command: str) -> None:
    """Every command says what it does, and shows examples that call it."""
    ended = call(command, "--help")
    assert ended.code == 0
    assert COMMANDS[command][1][1:] in " ".join(ended.out.split())
    assert f"\nexamples:\n  policy-check {'' if command == 'check' else command}" in ended.out


@pytest.mark.parametrize("words", [("--nonsense",), ("check", "--format", "xml"), ("eval",), ("check", "a", "b")])
def test_wrong_call(call: Call, words: tuple[str, ...]) -> None:
    """A call that cannot be understood exits with 2, and says where help is, on standard error."""
    ended = call(*words)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.endswith("--help says what it takes\n")


def test_path_that_does_not_exist(call: Call, tmp_path: Path) -> None:
    """Exit code 2, one line, no traceback."""
    ended = call(tmp_path / "nowhere")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"policy-check: error: {tmp_path}/nowhere does not exist\n"


@pytest.mark.parametrize(("word", "meant"), [("tset", "test"), ("explian", "explain"), ("evaluate", "eval")])
def test_misspelt_command(call: Call, word: str, meant: str) -> None:
    """A word that is no path may have been meant as a command."""
    ended = call(word)
    assert ended.code == 2
    assert f"did you mean the command {meant}?" in ended.err


def test_command_after_its_options(call: Call) -> None:
    """The command comes first, and whoever writes it later is told so."""
    ended = call("-q", "show")
    assert ended.code == 2
    assert "The command comes first: policy-check show" in ended.err


def test_directory_without_policies(call: Call, tmp_path: Path) -> None:
    """A directory that holds no policy set is a wrong call, not a good one."""
    ended = call(tmp_path)
    assert ended.code == 2
    assert "policy-check: error: " in ended.err


def test_current_directory_is_the_default(call: Call, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without words the policy set is the directory in which the command is called."""
    monkeypatch.chdir(directory)
    ended = call()
    assert ended.code == 0
    assert ended.out.splitlines()[-3] == "tested    3 passed, 1 skipped"


def test_fault_of_our_own(call: Call, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """What we did not foresee exits with 10 and one line; -v adds the traceback."""

    def fail(*_arguments: object) -> int:
        raise LookupError("a\x1b[31m\nb")

    monkeypatch.setattr(check, "run", fail)
    ended = call(directory)
    assert (ended.code, ended.out) == (10, "")
    assert ended.err == "policy-check: internal error: LookupError: a\\u{1b}[31m b (-v shows the traceback)\n"
    verbose = call(directory, "-v")
    assert verbose.code == 10
    assert verbose.err.startswith("Traceback (most recent call last):\n")


def test_output_file(call: Call, directory: Path, tmp_path: Path) -> None:
    """Results go to the file instead of standard output, without colours."""
    target = tmp_path / "result.txt"
    ended = call("test", directory, "-o", target)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert target.read_text().startswith("3 passed, 1 skipped in ")


def test_output_file_that_cannot_be_written(call: Call, directory: Path, tmp_path: Path) -> None:
    """It is a wrong call, told in one line."""
    ended = call("show", directory, "-o", tmp_path / "no" / "where.txt")
    assert ended.code == 2
    assert ended.err == f"policy-check: error: {tmp_path}/no/where.txt: No such file or directory\n"


def test_color(call: Call, broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours where they are asked for; by themselves only on a terminal without NO_COLOR or CI."""
    assert "\x1b[1;31merror[P0201]\x1b[0m" in call(broken, "--color", "always").out
    assert "\x1b" not in call(broken).out
    assert "\x1b" not in call(broken, "--color", "never").out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "\x1b" in call(broken).out
    for name in ("NO_COLOR", "CI"):
        monkeypatch.setenv(name, "1")
        assert "\x1b" not in call(broken).out
        monkeypatch.delenv(name)


def test_progress_goes_to_standard_error(call: Call, directory: Path) -> None:
    """Where it is asked for; results stay alone on standard output."""
    assert call(directory).err == ""
    ended = call(directory, "-v")
    assert ended.err.startswith("compiled in ")
    assert "compiled in" not in ended.out


def test_as_a_program(directory: Path, broken: Path) -> None:
    """The exit code of `main` is that of the process."""
    assert broken == directory
    ended = run(broken)
    assert (ended.returncode, ended.stderr) == (3, b"")
    assert ended.stdout.startswith(b"error[P0201]: unknown attribute `risk.scor`\n --> ")


def test_ascii_terminal(directory: Path) -> None:
    """A stream that cannot hold a character gets its number instead of a traceback."""
    (directory / "desk.policy").write_text('deny x because "caf\u00e9" when nope\n', encoding="utf-8")
    ended = run("check", directory, python=("-X", "utf8=0"))
    assert ended.returncode == 3
    command = [sys.executable, "-m", "durwan.cli.policy_check", str(directory)]
    plain = subprocess.run(
        command, capture_output=True, check=False, timeout=60, env={"PYTHONIOENCODING": "ascii", "PATH": ""}
    )
    assert plain.returncode == 3
    assert b"caf\\xe9" in plain.stdout
    assert plain.stderr == b""


def test_reader_that_goes_away(directory: Path) -> None:
    """When whoever reads our output stops, we stop too, without a word, and not as if all were good."""
    script = (
        "import os, sys\n"
        "from durwan.cli.policy_check import main\n"
        "read, write = os.pipe()\n"
        "os.close(read)\n"
        "os.dup2(write, 1)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, "show", str(directory)], capture_output=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_main_never_raises(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """An interrupt is an exit code as well."""

    def interrupt(*_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "run", interrupt)
    assert main([str(directory)]) == 130
