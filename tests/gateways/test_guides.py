"""The guides, done as they say: their commands show what they say that they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from durwan.gateways.upstream import NAMES
from tests.gateways.proxies import GUIDES, PROXIES, Program, configured, free_ports, missing, program, replaced

_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PORTS: Final = ("8080", "8181", "9191", "9000")


def blocks(name: str, kind: str) -> list[str]:
    """The blocks of one kind in a guide."""
    return [body for found, body in _BLOCK.findall((GUIDES / f"{name}.md").read_text("utf-8")) if found == kind]


@dataclass(frozen=True)
class Shown:
    """A command of a guide, and what it is said to print."""

    command: str
    output: str


def shown(name: str) -> list[Shown]:
    """The commands that a guide shows with their output."""
    found: list[Shown] = []
    for block in blocks(name, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Shown(command, output))
    return found


@contextmanager
def followed(name: str, folder: Path) -> Generator[Callable[[str], str], None, None]:
    """What a reader of the guide has before the first command: durwan, the API and the proxy. It runs a command."""
    ports: dict[str, int] = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    gateway, proxy = folder / "gateway", folder / "proxy"
    proxy.mkdir()
    durwan = [sys.executable, "-m", "durwan.cli.durwan", "serve"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    made = subprocess.run(
        [*durwan, "--init", str(gateway)], env=environment, capture_output=True, text=True, check=True
    )
    token = re.search(r"TOKEN=(\S+)", made.stdout + made.stderr)
    assert token is not None
    configuration = gateway / "durwan.yaml"
    written = configuration.read_text("utf-8") + "".join(
        re.findall(r"echo '(envoy: .*)' >>", "".join(blocks(name, "sh")))
    )
    configuration.write_text(replaced(written, ports), "utf-8")
    programs = [
        Program([*durwan, str(configuration)], ports["8181"], gateway, "durwan"),
        Program([sys.executable, str(GUIDES / "api.py"), str(ports["9000"])], ports["9000"], folder, "api"),
        Program(configured(name, proxy, ports), ports["8080"], proxy, name),
    ]

    def run(command: str) -> str:
        variables = {**environment, "TOKEN": token[1]}
        return subprocess.run(
            ["bash", "-c", replaced(command, ports)], env=variables, capture_output=True, text=True, check=True
        ).stdout

    try:
        yield run
    finally:
        for each in programs:
            each.process.terminate()
        for each in programs:
            each.process.wait(20)


@pytest.mark.parametrize("name", PROXIES)
def test_the_commands_print_what_the_guide_says(name: str, tmp_path: Path) -> None:
    """Who follows a guide sees what it shows."""
    if program(name) is None:
        pytest.skip(missing(name))
    commands = shown(name)
    assert len(commands) >= 5
    with followed(name, tmp_path) as run:
        for _ in range(100):  # some proxies listen before they have read all of their configuration
            if run(commands[1].command) == commands[1].output:
                break
        assert [Shown(each.command, run(each.command)) for each in commands] == commands


@pytest.mark.parametrize("name", PROXIES)
def test_the_guide_starts_what_the_tests_start(name: str) -> None:
    """The command by which a guide starts its proxy takes the files that are tested, and every file is in use."""
    text = (GUIDES / f"{name}.md").read_text("utf-8")
    started = "".join(blocks(name, "sh"))
    files = [each.name for each in (GUIDES / name).iterdir()]
    assert files
    assert any(each in started for each in files)
    assert all(f"({name}/{each})" in text for each in files)


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_every_header_of_the_gateway_is_replaced(name: str) -> None:
    """A proxy that has to be told the names is told all of them."""
    text = "".join(each.read_text("utf-8") for each in (GUIDES / name).iterdir()).lower()
    assert [each for each in NAMES if f" {each.decode()} " not in text.replace("\n", " ")] == []


@pytest.mark.parametrize("path", sorted(GUIDES.glob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every file that a guide names is there."""
    targets = re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8"))
    assert [each for each in targets if not (path.parent / each).exists()] == []
