"""`durwan serve` as a process: who may call it, what it answers and nothing else, and how it starts and ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Running, command, environment, serving, start_fails
from tests.venues import CLIENT, Venue, forwarded

SECRET = "a secret that only proxies know"  # noqa: S105 - of these tests alone

# All that the server answers. What is added here is reviewed: nothing for looking into the process, nothing that
# changes policies, keys or state (R62).
TABLE = [
    "* /envoy/*",
    "* /forward-auth",
    "* /nginx",
    "GET|HEAD /.well-known/authzen-configuration",
    "GET|HEAD /health",
    "GET|HEAD /ready",
    "POST /access/v1/evaluation",
    "POST /access/v1/evaluations",
    "POST /access/v1/search/action",
    "POST /access/v1/search/resource",
    "POST /access/v1/search/subject",
    "POST /v1/data/durwan",
    "POST /v1/data/durwan/allow",
]


@pytest.fixture
def venue(tmp_path: Path) -> Venue:
    return Venue(tmp_path)


def allowed(server: Running, venue: Venue, *, at: int = 0) -> bool:
    """Whether a request that may go on goes on."""
    return (
        server.send("GET", "/forward-auth", [*forwarded("GET", "/orders"), *venue.bearer.items()], at=at).status == 200
    )


# ---------------------------------------------------------------------------------------------------------- the surface


def test_these_paths_are_answered_and_no_others(venue: Venue) -> None:
    """R62: the table of what is answered is this one, and whatever is not in it is not there."""
    done = subprocess.run(
        [*command(venue.configuration), "--check", "-f", "json"], env=environment(), capture_output=True, check=True
    )
    assert json.loads(done.stdout)["answers"] == TABLE
    with serving(venue.configuration, venue.folder / "log") as server:
        for path in ("/", "/debug", "/docs", "/openapi.json", "/metrics", "/v1/policies", "/v1/query", "/envoy",
                     "/forward-auth/", "/health/", "//health", "/HEALTH", "/access/v1", "/admin", "/eval"):  # fmt: skip
            assert server.send("GET", path).status == 404, path
        for method in ("GET", "PUT", "DELETE", "OPTIONS", "TRACE"):
            assert server.send(method, "/access/v1/evaluation").status in {400, 405}


def test_a_server_says_nothing_of_itself(venue: Venue) -> None:
    """No header tells by what it is made, and health tells nothing of anybody."""
    with serving(venue.configuration, venue.folder / "log") as server:
        response = server.send("GET", "/health")
        assert response.json == {"alive": True}
        assert response.header("server") is None
        assert set(server.send("GET", "/ready").json) == {"ready", "revision", "stale"}
        assert server.send("HEAD", "/health").body == b""


def test_operators_have_a_listener_of_their_own(venue: Venue) -> None:
    """Health is asked for there, and nothing else is answered there."""
    venue.configure({"admin": "127.0.0.1:0"})
    with serving(venue.configuration, venue.folder / "log") as server:
        assert allowed(server, venue)
        assert server.send("GET", "/ready").status == 404
        assert server.send("GET", "/ready", at=1).status == 200
        assert server.send("GET", "/forward-auth", forwarded("GET", "/status"), at=1).status == 404


def test_each_worker_is_asked_for_its_own_metrics(venue: Venue) -> None:
    """R62: metrics at the operators' listeners, one a worker; no key, address or path is in them."""
    venue.configure({"admin": "127.0.0.1:0", "metrics": "prometheus"})
    with serving(venue.configuration, venue.folder / "log", variables={"DURWAN_WORKERS": "2"}) as server:
        for _ in range(8):
            assert allowed(server, venue)
        found = [server.send("GET", "/metrics", at=number).body.decode() for number in (1, 2)]
        counts = [re.search(r'durwan_answers_total\{[^}]*action="orders.read"[^}]*\} (\S+)', each) for each in found]
        assert sum(float(each[1]) for each in counts if each is not None) == 8
        for each in found:
            assert not any(text in each for text in ("reader", "desk-7", CLIENT, "/orders", "203.0.113"))
        assert server.send("GET", "/metrics").status == 404


def test_metrics_of_a_single_listener_are_for_those_who_may_call(venue: Venue) -> None:
    """Without a listener of their own, they are no more open than the rest."""
    venue.configure({"metrics": "prometheus", "proxies": {"networks": ["10.0.0.0/8"]}})
    with serving(venue.configuration, venue.folder / "log") as server:
        assert server.send("GET", "/metrics").status == 403
    venue.configure({"metrics": "prometheus", "workers": 2})
    assert "P1005" in start_fails(venue.configuration)[1]


# -------------------------------------------------------------------------------------------------------- who may call


def test_a_stranger_is_not_heard(venue: Venue) -> None:
    """R46: from an address that is no proxy's, nothing but health is answered."""
    venue.configure({"proxies": {"networks": ["10.0.0.0/8"]}})
    with serving(venue.configuration, venue.folder / "log") as server:
        asked = [("GET", path) for path in ("/forward-auth", "/nginx", "/envoy/status")]
        for method, path in [*asked, ("POST", "/v1/data/durwan"), ("POST", "/access/v1/evaluation")]:
            assert server.send(method, path, forwarded("GET", "/status")).status == 403, path
        assert server.send("GET", "/health").status == 200


def test_a_proxy_shows_its_secret(venue: Venue) -> None:
    """R46: without it, with another one, or with two, nobody is heard; a client's `Authorization` is no way in."""
    (venue.folder / "proxy.secret").touch(mode=0o600)
    (venue.folder / "proxy.secret").write_text(f"{SECRET}\n")
    venue.configure({"listen": ["0.0.0.0:0"], "proxies": {"secret": {"file": "proxy.secret"}}})
    with serving(venue.configuration, venue.folder / "log") as server:
        server.addresses = [server.url.replace("0.0.0.0", "127.0.0.1")]
        said = [*forwarded("GET", "/status")]
        shown, wrong = ("durwan-proxy-secret", SECRET), ("durwan-proxy-secret", SECRET[:-1])
        assert server.send("GET", "/forward-auth", [*said, shown]).status == 200
        for lines in ([], [wrong], [shown, shown], [shown, wrong], [("authorization", f"Bearer {SECRET}")]):
            assert server.send("GET", "/forward-auth", [*said, *lines]).status == 401
        asked: dict[str, Any] = {"input": {"action": "status.read"}}
        assert server.post("/v1/data/durwan", asked).status == 401
        assert server.post("/v1/data/durwan", asked, {"authorization": f"Bearer {SECRET}"}).status == 200
        assert server.send("GET", "/forward-auth", [*said, shown, *venue.bearer.items()]).status == 200


def test_a_socket_in_the_file_system_is_for_whoever_can_open_it(venue: Venue) -> None:
    """A peer without an address is a proxy, whose word for the client's is taken; others cannot open it."""
    venue.configure({"listen": ["unix:gate.sock"]})
    with serving(venue.configuration, venue.folder / "log") as server:
        path = venue.folder / "gate.sock"
        server.addresses = [f"unix:{path}"]
        assert path.stat().st_mode & 0o007 == 0
        assert allowed(server, venue)
        assert server.send("GET", "/forward-auth", [*forwarded("GET", "/orders", client="198.51.100.1"),
                                                    *venue.bearer.items()]).status == 403  # fmt: skip
    assert not path.exists()


def test_a_socket_that_was_left_behind_is_replaced(venue: Venue) -> None:
    """One that nobody answers at is in nobody's way; one that somebody does is."""
    venue.configure({"listen": ["unix:gate.sock"]})
    path = venue.folder / "gate.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
        left.listen()
        code, said = start_fails(venue.configuration)
        assert (code, "somebody answers" in said) == (2, True)
    with serving(venue.configuration, venue.folder / "log"):
        pass


@pytest.mark.parametrize("line", [b"x-a: 1\r\n", b"a"], ids=["many headers", "one header that does not end"])
def test_headers_that_do_not_end_are_not_collected(venue: Venue, line: bytes) -> None:
    """R50: whoever sends more than headers may be is cut off, and the others are answered."""
    with serving(venue.configuration, venue.folder / "log") as server:
        with server.connected() as endless, suppress(ConnectionError):
            endless.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-long: ")
            for _ in range(64):
                endless.sendall(line * (65_536 // len(line)))
            raise AssertionError("4 MiB of headers were taken")
        assert allowed(server, venue)
        with server.connected() as several:
            for _ in range(3):
                several.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-long: " + b"a" * 30_000 + b"\r\n\r\n")
                found = b""
                while not found.endswith(b'{"alive":true}'):
                    found += several.recv(65_536)
                assert found.startswith(b"HTTP/1.1 200")


# ------------------------------------------------------------------------------------------------- starting and ending


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_ends_when_it_is_told_to(venue: Venue, workers: int) -> None:
    """SIGTERM: not ready any more at once, what runs is finished, no more connections are taken, and it ends with 0."""
    variables = {"DURWAN_WORKERS": str(workers), "DURWAN_STOP__DRAIN": "500ms"}
    with serving(venue.configuration, venue.folder / "log", variables=variables) as server:
        assert allowed(server, venue)
        with server.connected() as halfway:
            lines = [*forwarded("POST", "/orders"), ("content-type", "application/json"), ("connection", "close")]
            body = b'{"symbol":"BTC-PERP","notional":"1"}'
            lines += [*venue.signed("POST", "/orders", body), ("content-length", str(len(body)))]
            head = "".join(f"{name}: {value}\r\n" for name, value in lines)
            halfway.sendall(f"POST /forward-auth HTTP/1.1\r\n{head}\r\n".encode() + body[:10])
            time.sleep(0.1)
            server.signal(signal.SIGTERM)
            time.sleep(0.15)
            assert server.send("GET", "/ready").status == 503
            assert allowed(server, venue)
            halfway.sendall(body[10:])
            assert halfway.recv(65536).startswith(b"HTTP/1.1 200")
        assert server.process.wait(10) == 0
        with pytest.raises(ConnectionRefusedError):
            server.send("GET", "/health")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_reads_its_policies_again_when_it_is_told_to(venue: Venue, workers: int) -> None:
    """SIGHUP: policies and routes as they are now; what is broken changes nothing."""
    rules = venue.folder / "policies" / "api.policy"
    with serving(venue.configuration, venue.folder / "log", variables={"DURWAN_WORKERS": str(workers)}) as server:
        first = server.send("GET", "/ready").json["revision"]
        rules.write_text("nonsense")
        server.signal(signal.SIGHUP)
        time.sleep(0.6)
        assert (allowed(server, venue), server.send("GET", "/ready").json["revision"]) == (True, first)
        rules.write_text(venue.policy.replace("allow read on orders.read", "allow reads on orders.read"))
        (venue.folder / "policies" / "routes.yaml").write_text(f"{venue.routes}  GET /book: orders.read\n")
        server.signal(signal.SIGHUP)
        end = time.monotonic() + 10
        while {server.send("GET", "/ready").json["revision"] for _ in range(8)} & {first}:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert server.send("GET", "/forward-auth", [*forwarded("GET", "/book"), *venue.bearer.items()]).status == 200


def test_a_key_that_is_revoked_is_refused_within_a_second(venue: Venue) -> None:
    """What `durwan keys revoke` does is in force in a running server."""
    with serving(venue.configuration, venue.folder / "log") as server:
        assert allowed(server, venue)
        path = venue.folder / "policies" / "keys" / "keys.yaml"
        subprocess.run(
            [*command()[:-1], "keys", "revoke", "reader", "--keys", str(path),
             "--secrets", str(venue.folder / "keys.secrets"), "--sealing-key-file", str(venue.folder / "sealing.key")],
            env=environment(), check=True, capture_output=True,
        )  # fmt: skip
        time.sleep(1.1)
        assert not allowed(server, venue)


def test_a_worker_that_dies_is_started_anew(venue: Venue) -> None:
    """Requests are answered by the others meanwhile; SIGKILL leaves nothing open."""
    with serving(venue.configuration, venue.folder / "log", variables={"DURWAN_WORKERS": "2"}) as server:
        children = _children(server.process.pid)
        assert len(children) == 2
        os.kill(children[0], signal.SIGKILL)
        end = time.monotonic() + 10
        while len(_children(server.process.pid)) != 2 or children[0] in _children(server.process.pid):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert all(allowed(server, venue) for _ in range(10))


def test_workers_end_with_their_parent(venue: Venue) -> None:
    """Nobody goes on answering whom nobody watches."""
    with serving(venue.configuration, venue.folder / "log", variables={"DURWAN_WORKERS": "2"}) as server:
        children = _children(server.process.pid)
        server.signal(signal.SIGKILL)
        server.process.wait(5)
        end = time.monotonic() + 10
        while any(_lives(pid) for pid in children):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_workers_share_what_came_before(venue: Venue) -> None:
    """R27: of one signed request that is sent many times at once, two workers accept one."""
    with serving(venue.configuration, venue.folder / "log", variables={"DURWAN_WORKERS": "2"}) as server:
        lines = [*forwarded("GET", "/orders/7"), *venue.signed("GET", "/orders/7")]
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda: found.append(server.send("GET", "/forward-auth", lines).status))
            for _ in range(24)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert sorted(found) == [200] + [401] * 23


def test_a_server_logs_one_object_a_line(venue: Venue) -> None:
    """R60, R61: what is refused is noted without key, address, path or secret; a broken reload says what is wrong."""
    with serving(venue.configuration, venue.folder / "log") as server:
        for target in ("/orders", "/nowhere\x1b[31m", "//"):
            server.send("GET", "/forward-auth", [*forwarded("GET", target), *venue.bearer.items()])
            server.send("GET", "/forward-auth", forwarded("GET", target))
        (venue.folder / "policies" / "api.policy").write_text("nonsense")
        server.signal(signal.SIGHUP)
        time.sleep(0.6)
        server.exchange(b"nonsense\r\n\r\n")
    events = [json.loads(line) for line in server.said().splitlines() if not line.startswith("durwan: answering at ")]
    assert {"refused", "policy_reload_failed"} <= {each["event"] for each in events}
    said = server.said()
    assert not any(text in said for text in (venue.token.reveal().decode(), CLIENT, "/nowhere", "reader", "\x1b"))


# ----------------------------------------------------------------------------------------------------- not starting


def test_a_server_that_would_allow_what_must_be_denied_does_not_start(venue: Venue) -> None:
    """R69: a probe of the configuration is allowed by the policy; the exit is not 0, and the text names it."""
    venue.configure({"must_deny": [{"name": "the status is secret", "target": "/status"}]})
    for workers in ("1", "2"):
        code, said = start_fails(venue.configuration, DURWAN_WORKERS=workers)
        assert (code, "the status is secret" in said) == (1, True)
    done = subprocess.run(
        [*command(venue.configuration), "--check"], env=environment(), capture_output=True, check=False
    )
    assert done.returncode == 1


def test_what_must_be_denied_is_tried_and_counts_nobody(venue: Venue) -> None:
    """Probes with a real credential go the whole way, and use up no limit and no attempt."""
    headers = {"content-type": "application/json", **venue.bearer}
    probe = {"name": "a huge order", "method": "POST", "target": "/orders", "address": CLIENT, "headers": headers}
    venue.configure({"must_deny": [{**probe, "body": '{"notional":"200000"}'}]})
    with serving(venue.configuration, venue.folder / "log") as server:
        assert allowed(server, venue)


def test_a_policy_that_fails_its_tests_does_not_start(venue: Venue) -> None:
    """R69: a case under `must_pass` that does not pass."""
    policies = venue.folder / "policies"
    (policies / "policy.yaml").write_text("name: venue\nroutes: routes.yaml\nmust_pass: [nobody reads]\n")
    (policies / "tests").mkdir()
    (policies / "tests" / "a.yaml").write_text(
        "now: 2026-03-02T09:00:00Z\ncases: [{ name: nobody reads, request: { action: status.read }, expect: deny }]\n"
    )
    code, said = start_fails(venue.configuration)
    assert (code, "nobody reads" in said) == (1, True)


@pytest.mark.parametrize(
    ("settings", "code", "text"),
    [
        ({"policies": {"path": "nowhere"}}, 2, "P1006"),
        ({"listen": ["0.0.0.0:0"]}, 2, "P1005"),
        ({"listen": ["127.0.0.1:http"]}, 2, "P1002"),
        ({"proxies": {"secret": {"file": "nothing"}}}, 2, "P1006"),
        ({"proxies": {"secret": {"variable": "NOT_SET"}}}, 2, "P1006"),
        ({"proxies": {"secret": "hunter2-hunter2-hunter2"}}, 2, "P1004"),
        ({"keys": {}}, 2, "P1003"),
        ({"credentials": {"signatures": "no-such-scheme"}}, 2, "P1006"),
        ({"requests": {}}, 2, "P1005"),
        ({"state": {}, "workers": 2}, 2, "P1005"),
        ({"keys": {"secrets": "keys.secrets", "sealing_key": {"file": "other.key"}}}, 2, "sealing key"),
        ({"tls": {"certificate": "nothing.pem", "key": "nothing.pem"}}, 2, ""),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_served_is_refused(
    venue: Venue, settings: dict[str, Any], code: int, text: str
) -> None:
    """R47: a secret that does not resolve, or an unsafe setting, refuses the start, and says what to do."""
    venue.configure(settings)
    found, said = start_fails(venue.configuration)
    assert (found, text in said, "Traceback" in said, "hunter2" in said) == (code, True, False, False), said


def test_a_secret_that_others_can_read_is_refused(venue: Venue) -> None:
    """R47: a file that is open to others holds no secret any more."""
    (venue.folder / "proxy.secret").write_text(SECRET)
    (venue.folder / "proxy.secret").chmod(0o644)
    venue.configure({"proxies": {"secret": {"file": "proxy.secret"}}})
    code, said = start_fails(venue.configuration)
    assert (code, "open to others" in said, SECRET in said) == (2, True, False)


def test_policies_with_mistakes_are_not_served(venue: Venue) -> None:
    """Exit 3, as of everything that meets policies which do not compile; routes with mistakes likewise."""
    (venue.folder / "policies" / "api.policy").write_text("allow everything")
    assert start_fails(venue.configuration)[0] == 3


def test_a_port_that_is_taken_is_said(venue: Venue) -> None:
    """One line, no traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        venue.configure({"listen": [f"127.0.0.1:{taken.getsockname()[1]}"]})
        code, said = start_fails(venue.configuration)
    assert (code, said.count("\n"), "in use" in said) == (2, 1, True)


# -------------------------------------------------------------------------------------------------------- the example


def test_the_example_works_as_it_says(tmp_path: Path) -> None:
    """Five minutes for somebody new: make it, check it, start it, and ask it what it prints."""
    where = tmp_path / "gateway"
    made = subprocess.run([*command("--init", where), "-f", "json"], env=environment(), capture_output=True, check=True)
    token = json.loads(made.stdout)["token"]
    assert {path.name for path in where.iterdir()} == {"durwan.yaml", "keys.secrets", "policies", "sealing.key"}
    assert all((where / name).stat().st_mode & 0o077 == 0 for name in ("keys.secrets", "sealing.key"))
    assert token not in "".join(path.read_text() for path in where.rglob("*") if path.is_file())
    checked = subprocess.run(
        [*command()[:2], "durwan.cli.policy_check", str(where / "policies"), "--fail-level", "warning"],
        env=environment(DURWAN_CACHE=str(tmp_path / "cache")), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    with serving(where / "durwan.yaml", tmp_path / "log", variables={"DURWAN_LISTEN": "127.0.0.1:0"}) as server:

        def ask(method: str, target: str, bearer: str | None = token) -> tuple[int, str]:
            own = [] if bearer is None else [("authorization", f"Bearer {bearer}")]
            response = server.send("GET", "/forward-auth", [*forwarded(method, target, host="localhost"), *own])
            return response.status, "" if response.status == 200 else response.json["code"]

        assert ask("POST", "/orders?notional=2500") == (200, "")
        assert ask("POST", "/orders?notional=200000") == (403, "too_large")
        assert ask("POST", "/orders") == (403, "too_large")
        assert ask("POST", "/orders?notional=1", None) == (401, "credential_missing")
        assert ask("POST", "/orders?notional=1", token[:-1] + "0")[0] == 401
        assert ask("GET", "/orders/7")[0] == 200
        assert ask("GET", "/status", None)[0] == 200


def test_the_example_overwrites_nothing(tmp_path: Path) -> None:
    """A directory with something in it stays as it is."""
    (tmp_path / "durwan.yaml").write_text("mine")
    done = subprocess.run(command("--init", tmp_path), env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, "not empty" in done.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["durwan.yaml"]


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in found]


def _lives(pid: int) -> bool:
    try:
        return re.search(r"^State:\s+Z", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE) is None
    except FileNotFoundError:
        return False


@pytest.fixture(autouse=True)
def _only_where_processes_can_be_seen() -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("processes are looked at through /proc")
