"""The engines that take part, which of them are installed, and at which version."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine and the file under peers/ that drives it."""

    name: str
    peer: str
    distribution: str | None
    """The name by which pip knows it; None for what is written here."""

    @property
    def module(self) -> str:
        """The peer's module, to be imported in a worker only."""
        return f"benchmarks.peers.{self.peer}"

    @property
    def version(self) -> str | None:
        """The installed version; None where it is not installed."""
        if self.distribution is None:
            return ""
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return None

    @property
    def pip_command(self) -> str:
        """What installs it at the version that was compared."""
        pins = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
        pinned = next((pin for pin in pins if pin.startswith(f"{self.distribution}==")), "-e .")
        return f"pip install {pinned}"


DURWAN = Engine(name="durwan", peer="durwan", distribution="durwan")
HAND_WRITTEN = Engine(name="hand-written", peer="hand_written", distribution=None)
ENGINES = (
    HAND_WRITTEN,
    DURWAN,
    Engine(name="pytricia", peer="pytricia", distribution="pytricia"),
    Engine(name="cel-cpp", peer="cel_cpp", distribution="cel-expr-python"),
    Engine(name="cel-rust", peer="cel_rust", distribution="common-expression-language"),
    Engine(name="vakt", peer="vakt", distribution="vakt"),
    Engine(name="cedarpy", peer="cedarpy", distribution="cedarpy"),
    Engine(name="pycasbin", peer="pycasbin", distribution="pycasbin"),
    Engine(name="py-abac", peer="py_abac", distribution="py-abac"),
    Engine(name="oso", peer="oso", distribution="oso"),
    Engine(name="regopy", peer="regopy", distribution="regopy"),
    Engine(name="cel-python", peer="cel_python", distribution="cel-python"),
)
