"""Envoy's listener of `durwan serve`: started, shared by workers, stopped, and refused where anybody could ask."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from durwan.gateways.envoy_protocol import envoy_protocol
from tests.gateways.envoy_checks import check
from tests.gateways.proxies import Program, free_ports
from tests.gateways.venue import TestVenue, bearer

HEALTH = "/grpc.health.v1.Health/Check"
CHECK = "/envoy.service.auth.v3.Authorization/Check"
COMMAND = (sys.executable, "-m", "durwan.cli.durwan", "serve", "durwan.yaml")
CONFIGURATION = """\
policies: {{ path: policies, routes: routes.yaml }}
listen: ["127.0.0.1:{http}"]
requests: {{ hosts: [api.example.com] }}
keys: {{ secrets: keys.secrets, sealing_key: {{ file: sealing.key }} }}
credentials: {{ bearer: true }}
state: {{ sqlite: state.db }}
stop: {{ drain: 1s }}
envoy: {{ listen: "{envoy}" }}
{more}
"""


def venue_in(folder: Path, envoy: str, http: int = 0, more: str = "") -> Path:
    """The directory of a configuration."""
    venue = TestVenue(folder / "durwan")
    venue.write_sealing_key()
    written = CONFIGURATION.format(http=http, envoy=envoy, more=more)
    (venue.folder / "durwan.yaml").write_text(written, encoding="utf-8")
    return venue.folder


def allowed(message: bytes) -> bool:
    found: Any = envoy_protocol().CheckResponse.FromString(message)
    return bool(found.status.code == 0 and found.HasField("ok_response"))


@pytest.mark.parametrize("workers", [1, 2])
def test_envoy_is_answered_by_every_worker(tmp_path: Path, workers: int) -> None:
    """All workers take calls at one address; on SIGTERM they are not ready first, then take no more, and end well."""
    http, grpc = free_ports(2)
    folder = venue_in(tmp_path, f"127.0.0.1:{grpc}", http, f"workers: {workers}")
    durwan = Program(COMMAND, http, folder, "durwan")
    asked = check(path="/orders/7", lines=(("authorization", bearer("reader")),)).SerializeToString()
    refused = check(path="/orders/7").SerializeToString()

    async def run() -> bytes:
        aio = envoy_protocol().aio
        # A channel of its own for each: it is by connection that the workers share.
        for _ in range(8):
            async with aio.insecure_channel(f"127.0.0.1:{grpc}", (("grpc.use_local_subchannel_pool", 1),)) as channel:
                answers = [await channel.unary_unary(CHECK)(each, wait_for_ready=True) for each in (asked, refused)]
                assert [allowed(each) for each in answers] == [True, False]
        async with aio.insecure_channel(f"127.0.0.1:{grpc}") as channel:
            health = channel.unary_unary(HEALTH)
            assert await health(b"") == b"\x08\x01"
            durwan.process.send_signal(signal.SIGTERM)
            for _ in range(40):
                found: bytes = await health(b"")
                if found != b"\x08\x01":
                    # Whoever has not heard of it yet is still answered.
                    assert allowed(await channel.unary_unary(CHECK)(asked))
                    return found
                await asyncio.sleep(0.02)
        return b""

    try:
        assert asyncio.run(run()) == b"\x08\x02"
        assert durwan.process.wait(10) == 0
    finally:
        durwan.end()


@pytest.mark.parametrize(
    ("envoy", "more", "said"),
    [
        ("0.0.0.0:9191", "", "whoever reaches it passes for Envoy"),
        ("unix:envoy.sock", "workers: 2", "several workers cannot answer Envoy at one socket"),
        ("127.0.0.1:9191", "proxies: { secret: { variable: NOT_THERE } }", "proxies.secret"),
    ],
)
def test_what_is_unsafe_does_not_start(tmp_path: Path, envoy: str, more: str, said: str) -> None:
    """Where anybody could ask in Envoy's place, or a secret is not there, nothing is answered."""
    folder = venue_in(tmp_path, envoy, more=more)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        COMMAND, cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert said in ended.stderr
