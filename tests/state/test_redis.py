"""State in Redis and Valkey: what it has of its own, on real servers, through a proxy where replies are to be wrong."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from durwan.state.errors import StateSetupError, StateUnavailableError
from durwan.state.redis import RedisState
from durwan.state.redis_link import Address, Link
from durwan.state.redis_links import Links
from durwan.state.redis_setup import check
from durwan.state.store import Record, Revocation
from tests.faults.proxy import Proxy
from tests.state.conftest import NOW
from tests.state.servers import ENGINES, MAC_KEY, Server, binary, free_port, missing, running

SECRET = "canary-Pa55"  # noqa: S105 - so that it can be looked for
KEPT = Record(kind="session", id="a", owner="desk", value=b"x", expires=NOW + 60_000)


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that may be harmed."""
    if binary(request.param) is None:
        pytest.skip(missing(request.param))
    with running(request.param) as found:
        yield found


def long_ago() -> int:
    """An hour before `NOW`."""
    return NOW - 3_600_000


def use(store: RedisState, nonce: str, issued: int, now: int | None = None) -> bool:
    """Uses a nonce of a request that is in time for a second."""
    return store.accept_once("desk", nonce, issued=issued, expires=issued + 1000, now=now or issued)


def until_it_answers(store: RedisState) -> None:
    """Waits for a server that is back."""
    end = time.monotonic() + 2
    while True:
        try:
            store.get("session", "a", now=NOW)
        except StateUnavailableError:
            assert time.monotonic() < end
            time.sleep(0.01)
        else:
            return


# ------------------------------------------------------------------------------------------------------------ the setup


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_server_that_evicts_is_refused(policy: str) -> None:
    """A server that throws away what it should remember is found out before anything is asked of it."""
    engine = next((each for each in ENGINES if binary(each)), None)
    if engine is None:
        pytest.skip(missing("valkey"))
    with running(engine, policy=policy) as server, pytest.raises(StateSetupError, match="noeviction"):
        server.state(long_ago)


def test_a_replica_is_refused(server: Server) -> None:
    """A replica, which may be behind and loses what is written to it, is found out."""
    server.ask("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StateSetupError, match="replica"):
        server.state(long_ago)


@pytest.mark.parametrize(
    ("fact", "value", "text"),
    [
        ("redis_version", "6.0.16", "too old"), ("redis_version", "", "too old"), ("redis_mode", "cluster", "cluster"),
        ("role", "slave", "replica"), ("loading", "1", "loading"), ("maxmemory_policy", "allkeys-random", "noeviction"),
    ],
)  # fmt: skip
def test_what_a_server_says_of_itself(fact: str, value: str, text: str) -> None:
    """Each fact that makes a server unfit is named, and a fit one is taken."""
    address = Address("redis://127.0.0.1:1")
    facts = {"redis_version": "7.2.4", "redis_mode": "standalone", "role": "master", "loading": "0"}
    facts["maxmemory_policy"] = "noeviction"
    check(facts, address)
    with pytest.raises((StateSetupError, StateUnavailableError), match=text):
        check(facts | {fact: value}, address)
    del facts[fact]
    if fact != "redis_mode":
        with pytest.raises((StateSetupError, StateUnavailableError)):
            check(facts, address)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (f"redis://user:{SECRET}@203.0.113.9:6379/0", "rediss"), ("rediss://203.0.113.9:6379/0", "password"),
        (f"http://:{SECRET}@127.0.0.1", "URL"), (f"redis://:{SECRET}@127.0.0.1:port", "URL"),
        (f"redis://:{SECRET}@127.0.0.1:6379/0?db=x{SECRET}", "URL"), ("", "URL"),
    ],
)  # fmt: skip
def test_addresses_that_are_refused(url: str, text: str) -> None:
    """Another machine without TLS or a password, and what is no address, are refused without telling the password."""
    with pytest.raises(StateSetupError, match=text) as caught:
        RedisState(url, mac_key=MAC_KEY)
    assert SECRET not in str(caught.value) + repr(caught.value.__cause__)


def test_a_short_key_is_refused() -> None:
    """A key that could be guessed is refused."""
    with pytest.raises(StateSetupError, match="octets"):
        RedisState("redis://127.0.0.1:1", mac_key=b"short")


def test_nothing_tells_the_password(server: Server) -> None:
    """No text of the store and none of its errors holds the password or the MAC key."""
    server.ask("CONFIG", "SET", "requirepass", SECRET)
    url = f"redis://:{SECRET}@127.0.0.1:{server.port}/0"
    mac_key = b"canary-mac-key-canary-mac-key-ca"
    store = RedisState(url, mac_key=mac_key, clock=long_ago, deadline=1)
    texts = [repr(store), repr(Address(url))]
    with pytest.raises(StateUnavailableError) as wrong:
        RedisState(url.replace(SECRET, "other-canary"), mac_key=MAC_KEY)
    server.kill()
    with pytest.raises(StateUnavailableError) as dead:
        use(store, "a", NOW)
    for error in (wrong.value, dead.value):
        texts += [str(error), repr(error), repr(error.__context__), repr(error.__cause__), error.problem, error.store]
    assert not any("canary" in text for text in texts), texts


def test_a_missing_package_is_named() -> None:
    """Without the extra, the error says how to install it."""
    script = (
        "import sys\nsys.modules['redis'] = None\nfrom durwan.state.redis import RedisState\n"
        "RedisState('redis://127.0.0.1:1', mac_key=bytes(32))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert "pip install 'durwan[redis]'" in done.stderr


# ----------------------------------------------------------------------------------------- what may have been forgotten


def test_a_server_that_was_started_again_vouches_for_nothing_older(server: Server) -> None:
    """After a restart, nonces that may have been used before it are refused until their requests are out of time."""
    clock = [long_ago()]
    store = server.state(lambda: clock[0])
    assert use(store, "a", NOW)
    clock[0] = NOW + 10
    server.kill()
    server.start()
    until_it_answers(store)
    for nonce in ("a", "b"):
        with pytest.raises(StateUnavailableError, match="older"):
            use(store, nonce, NOW, NOW + 20)
    with pytest.raises(StateUnavailableError, match="older"):
        use(store, "c", NOW + 10 + 999)
    assert use(store, "c", NOW + 10 + 1000)
    store.close()


def test_a_server_that_was_emptied_vouches_for_nothing_older(server: Server) -> None:
    """The same where all keys were deleted under a running server."""
    store = server.state(long_ago)
    assert use(store, "a", NOW)
    server.ask("FLUSHALL")
    with pytest.raises(StateUnavailableError, match="older"):
        use(store, "a", NOW, NOW + 20)
    assert use(store, "c", NOW + 20 + 1000)
    store.close()


def test_a_new_store_on_a_known_server_refuses_nothing(server: Server) -> None:
    """A gateway that is started again finds the server as it was."""
    first = server.state(long_ago)
    assert use(first, "a", NOW)
    first.close()
    second = server.state(lambda: NOW)
    assert not use(second, "a", NOW)
    assert use(second, "b", NOW)
    second.close()


def test_an_emptied_server_has_another_epoch(server: Server) -> None:
    """Whoever follows revocations can tell that some may be missing."""
    store = server.state(long_ago)
    store.revoke(Revocation(kind="key", id="a", until=NOW + 1000), now=NOW)
    known = store.revoked_since(None, now=NOW)
    server.ask("FLUSHALL")
    news = store.revoked_since(known, now=NOW)
    assert news.epoch != known.epoch
    assert news.revocations == ()
    store.close()


# ------------------------------------------------------------------------------------------- what is not to be believed


def test_a_shifted_reply_is_noticed(server: Server) -> None:
    """A reply to another question is never taken for the answer, whatever the question was."""
    proxy = Proxy(server.port)
    store = RedisState(proxy.url, mac_key=MAC_KEY, clock=long_ago, deadline=1)
    store.put(KEPT, cap=1, now=NOW)
    assert store.get("session", "a", now=NOW) == KEPT
    proxy.mode = "shift"
    for ask in (
        lambda: store.get("session", "b", now=NOW),
        lambda: use(store, "new", NOW),
        lambda: store.accept_rising("desk", 7),
        lambda: store.revoked_since(None, now=NOW),
    ):
        with pytest.raises(StateUnavailableError):
            ask()
    assert proxy.touched
    proxy.mode = "pass"
    until_it_answers(store)
    assert store.get("session", "b", now=NOW) is None
    store.close()
    proxy.close()


def test_a_record_that_was_changed_in_the_server_is_not_believed(server: Server) -> None:
    """A record that no gateway wrote, or that stands under another id, is unavailable."""
    store = server.state(long_ago)
    store.put(KEPT, cap=1, now=NOW)
    key = store._key("record", "session", "a")  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - what an intruder finds
    other = store._key("record", "session", "b")  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    server.ask("COPY", key, other)
    with pytest.raises(StateUnavailableError, match="another one"):
        store.get("session", "b", now=NOW)
    server.ask("SETRANGE", key, "40", "x")
    with pytest.raises(StateUnavailableError, match="MAC"):
        store.get("session", "a", now=NOW)
    with pytest.raises(StateUnavailableError, match="MAC"):
        store.newest_of("session", "desk", now=NOW)
    store.close()


def test_a_store_of_another_key_believes_nothing(server: Server) -> None:
    """Gateways with different MAC keys do not read each other's records."""
    other = server.state(long_ago)
    other.put(KEPT, cap=1, now=NOW)
    store = RedisState(server.url, mac_key=bytes(32), clock=long_ago, deadline=1)
    with pytest.raises(StateUnavailableError, match="MAC"):
        store.get("session", "a", now=NOW)
    store.close()
    other.close()


# ------------------------------------------------------------------------------------------------------ what goes wrong


def test_a_full_server_refuses(server: Server) -> None:
    """Without memory nothing new is accepted, nothing is forgotten, and reading goes on; then it works again."""
    store = server.state(long_ago)
    assert use(store, "a", NOW)
    store.put(KEPT, cap=1, now=NOW)
    server.ask("CONFIG", "SET", "maxmemory", "1")
    for _ in range(3):
        with pytest.raises(StateUnavailableError, match="OutOfMemory"):
            use(store, "b", NOW)
        assert store.get("session", "a", now=NOW) == KEPT
    server.ask("CONFIG", "SET", "maxmemory", "0")
    assert not use(store, "a", NOW)
    assert use(store, "b", NOW)
    store.close()


def test_scripts_that_were_forgotten_are_sent_again(server: Server) -> None:
    """A server that forgot the scripts is given them, within the same operation."""
    store = server.state(long_ago)
    assert use(store, "a", NOW)
    server.ask("SCRIPT", "FLUSH")
    assert not use(store, "a", NOW)
    store.close()


def test_more_threads_than_connections_wait_no_longer_than_the_deadline(server: Server) -> None:
    """Who finds all connections busy is refused in time."""
    store = server.state(long_ago, deadline=0.1, connections=1)
    end = time.monotonic() + 5
    link = store._links.take(end)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the only one
    began = time.monotonic()
    with pytest.raises(StateUnavailableError, match="busy"):
        store.get("session", "a", now=NOW)
    assert time.monotonic() - began < 0.5
    store._links.give(link)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    assert store.get("session", "a", now=NOW) is None
    store.close()


def test_everything_that_is_kept_expires(server: Server) -> None:
    """Nonces, logs and records have an expiry from the step on in which they are made."""
    store = server.state(long_ago)
    from tests.state.test_store import charge

    use(store, "a", NOW)
    store.charge([charge(5, 60_000)], now=NOW)
    store.put(KEPT, cap=1, now=NOW)
    keys = [line for line in server.ask("KEYS", "*").decode().split("\r\n") if line.startswith("durwan:")]
    living = [key for key in keys if server.ask("PTTL", key).startswith(b":-1")]
    assert len(keys) == 5
    assert living == ["durwan:mark"]
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_process_opens_connections_of_its_own(server: Server) -> None:
    """Parent and child never read each other's replies."""
    store = server.state(long_ago)
    assert use(store, "parent", NOW)
    child = os.fork()
    if child == 0:
        good = all(use(store, f"child {number}", NOW) for number in range(200))
        os._exit(0 if good and not use(store, "parent", NOW) else 1)
    assert all(use(store, f"parent {number}", NOW) for number in range(200))
    assert os.waitpid(child, 0)[1] == 0
    store.close()


# ---------------------------------------------------------------------------------------------------------------- TLS


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of our own for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    places = folder / "certificate.pem", folder / "key.pem"
    places[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    places[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return places


def test_a_server_is_spoken_to_by_tls(tmp_path: Path) -> None:
    """By TLS everything works as without, the deadline too; a certificate that nobody vouches for is refused."""
    if binary("redis") is None:
        pytest.skip(missing("redis"))
    public, private = certificate(tmp_path)
    port = free_port()
    files = ("--tls-cert-file", str(public), "--tls-key-file", str(private), "--tls-ca-cert-file", str(public))
    with running("redis", "--tls-port", str(port), "--tls-auth-clients", "no", *files) as server:
        url = f"rediss://localhost:{port}/0"
        with pytest.raises(StateUnavailableError):
            RedisState(url, mac_key=MAC_KEY, clock=long_ago, deadline=1)
        store = RedisState(f"{url}?ssl_ca_certs={public}", mac_key=MAC_KEY, clock=long_ago, deadline=1)
        assert use(store, "a", NOW)
        assert not use(store, "a", NOW)
        server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(StateUnavailableError):
            use(store, "b", NOW)
        assert time.monotonic() - began < 1.5
        server.process.send_signal(signal.SIGCONT)
        store.close()


def test_a_link_that_comes_back_after_the_end_is_closed() -> None:
    """Whoever was asking while the store was closed leaves no connection open."""

    class Counted:
        closed = 0

        def close(self) -> None:
            self.closed += 1

    link = Counted()
    links = Links("the state", lambda: cast("Link", link), 1)
    taken = links.take(time.monotonic() + 5)
    links.close()
    links.give(taken)
    assert link.closed == 1


def test_a_store_that_is_closed_while_somebody_waits_leaves_no_connection(server: Server) -> None:
    """Whoever waits for news longer than closing takes ends the subscription when the wait is over."""
    store = server.state(long_ago)
    store.wait_for_news(0.01)
    waiting = threading.Thread(target=store.wait_for_news, args=(1,))
    waiting.start()
    time.sleep(0.1)
    store.close()
    waiting.join()
    end = time.monotonic() + 2
    while server.ask("CLIENT", "LIST").count(b" laddr=") > 1 and time.monotonic() < end:
        time.sleep(0.01)
    assert server.ask("CLIENT", "LIST").count(b" laddr=") == 1
