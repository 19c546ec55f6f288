"""The keys that an issuer publishes: when they are fetched, how long they serve, and for whom."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from durwan.credentials.tokens.issuer_client import IssuerClient, IssuerUnavailableError
from durwan.credentials.tokens.jwt_verifier import JwtVerifier
from durwan.credentials.tokens.key_set import TokenKeySet, read_key_set
from durwan.credentials.tokens.remote_key_set import LEAST_PAUSE, KeysUnavailableError, RemoteKeySet
from durwan.credentials.tokens.signatures import InvalidTokenKeyError
from durwan.credentials.tokens.verified import Outcome
from tests.issuer_server import Issuer, document, issuer_server, silent
from tests.tokens import HEADER, NOW, RULES, code, ec_key, ed_key, jwk, key_set, rsa_key, token

HOUR = 3_600_000
DOWN = document(b"", 503)


class Bench:
    """An issuer on the loopback, its keys as we see them, and a clock."""

    def __init__(self, issuer: Issuer, client: IssuerClient) -> None:
        self.issuer = issuer
        self.client = client
        self.now = 0
        self.publish("k1")
        self.keys = RemoteKeySet(
            f"{issuer.url}/keys", client=client, algorithms={"ES256"}, max_age=HOUR, clock=lambda: self.now
        )
        self.judge = JwtVerifier(RULES, self.keys, clock=lambda: NOW)

    def publish(self, *kids: str) -> None:
        self.issuer.answer = document(key_set(*(jwk(ec_key(), kid=kid) for kid in kids)))

    def code(self, kid: str) -> str:
        return code(self.judge.verify(signed(kid)))

    def settle(self) -> None:
        """Waits for a fetch in the background, which the next unknown id would join."""
        self.client.wait(self.client.start(asyncio.sleep(0.1)))


def signed(kid: str) -> str:
    return token(header={**HEADER, "alg": "ES256", "kid": kid}, key=ec_key())


@pytest.fixture
def bench() -> Iterator[Bench]:
    client = IssuerClient(deadline=0.5, allow_loopback_http=True)
    with issuer_server(DOWN) as issuer:
        yield Bench(issuer, client)
        client.close()


def test_keys_are_fetched_once_and_then_known(bench: Bench) -> None:
    """The first token fetches them; those after it do not, until they are five minutes old."""
    assert [bench.code("k1") for _ in range(3)] == ["accepted"] * 3
    bench.now = 300_000
    assert bench.code("k1") == "accepted"
    assert len(bench.issuer.asked) == 1
    method, path, headers, body = bench.issuer.asked[0]
    assert (method, path, headers["accept-encoding"], body) == ("GET", "/keys", "identity", b"")


def test_old_keys_are_fetched_again_while_they_serve(bench: Bench) -> None:
    """A token does not wait for the fetch that it causes; a key that is gone from it serves no longer after it."""
    assert bench.code("k1") == "accepted"
    bench.publish("k2")
    bench.now = 300_001
    # By the old keys, unless the fetch was faster than looking the key up.
    assert bench.code("k1") in ("accepted", "token_invalid")
    bench.settle()
    assert (bench.code("k1"), bench.code("k2")) == ("token_invalid", "accepted")
    assert len(bench.issuer.asked) == 2


def test_an_outage_is_survived_up_to_the_greatest_age(bench: Bench) -> None:
    """Keys that cannot be fetched again serve until they are too old, to the very millisecond, and then none does."""
    assert bench.code("k1") == "accepted"
    bench.issuer.answer = DOWN
    bench.now = HOUR
    assert bench.code("k1") == "accepted"
    bench.settle()
    bench.now = HOUR + 1
    assert bench.code("k1") == "keys_unavailable"
    assert bench.keys.fault == "the issuer answers with the status 503"
    bench.publish("k1")
    bench.now = HOUR + LEAST_PAUSE
    assert bench.code("k1") == "accepted"
    assert bench.keys.fault is None


def test_there_are_no_keys_before_the_first_fetch(bench: Bench) -> None:
    """An issuer that was never reached lets nothing through, and is asked every 30 seconds at most."""
    bench.issuer.answer = DOWN
    assert {bench.code("k1") for _ in range(20)} == {"keys_unavailable"}
    assert len(bench.issuer.asked) == 1
    bench.publish("k1")
    bench.now = LEAST_PAUSE - 1
    assert bench.code("k1") == "keys_unavailable"
    bench.now = LEAST_PAUSE
    assert bench.code("k1") == "accepted"


def test_a_new_key_is_found_after_the_pause(bench: Bench) -> None:
    """A key that the issuer adds is known with the first token that names it, at most 30 seconds later."""
    assert bench.code("k1") == "accepted"
    bench.publish("k1", "k2")
    bench.now = LEAST_PAUSE - 1
    assert bench.code("k2") == "token_invalid"
    bench.now = LEAST_PAUSE
    assert bench.code("k2") == "accepted"


def test_a_set_that_is_none_changes_nothing(bench: Bench) -> None:
    """What is fetched replaces the keys only where it is a good set of them."""
    assert bench.code("k1") == "accepted"
    for round_, body in enumerate(
        (b"{}", key_set(), b'{"keys": 1}', key_set(jwk(ec_key(), kid="k1", d="AAAA"))), start=1
    ):
        bench.issuer.answer = document(body)
        bench.now = LEAST_PAUSE * round_
        assert (bench.code("k2"), bench.code("k1")) == ("keys_unavailable", "accepted")
    assert len(bench.issuer.asked) == 5


def test_a_set_has_at_most_64_kibibytes(bench: Bench) -> None:
    """One byte more, and what would be a good set is none."""
    good = key_set(jwk(ec_key(), kid="k1"))
    bench.issuer.answer = document(good.ljust(65_537))
    assert bench.code("k1") == "keys_unavailable"
    assert bench.keys.fault == "the issuer answers with more than 65536 bytes"
    bench.issuer.answer = document(good.ljust(65_536))
    bench.now = LEAST_PAUSE
    assert bench.code("k1") == "accepted"


def test_a_clock_that_is_set_back_trusts_nothing(bench: Bench) -> None:
    """Keys from the future are fetched again before they serve."""
    bench.now = HOUR
    assert bench.code("k1") == "accepted"
    bench.now = 0
    bench.issuer.answer = DOWN
    assert bench.code("k1") == "keys_unavailable"


def test_many_threads_cause_one_fetch(bench: Bench) -> None:
    """Whoever comes while keys are fetched waits for that fetch."""
    found: list[str] = []
    threads = [Thread(target=lambda: found.append(bench.code("k1"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["accepted"] * 16
    assert len(bench.issuer.asked) == 1


def test_callers_of_an_event_loop_do_not_hold_it_up(bench: Bench) -> None:
    """Many wait for one fetch; while it hangs, the loop goes on; one that gives up ends it for nobody else."""

    async def run() -> tuple[list[str], int]:
        bench.issuer.answer = silent
        ticks = 0
        waiting = [asyncio.ensure_future(bench.judge.verify_async(signed("k1"))) for _ in range(10)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        while not all(each.done() for each in waiting):
            await asyncio.sleep(0.01)
            ticks += 1
        bench.now = LEAST_PAUSE
        bench.publish("k1")
        again: list[Outcome] = await asyncio.gather(*(bench.judge.verify_async(signed("k1")) for _ in range(10)))
        assert {code(each.result()) for each in waiting[1:]} == {"keys_unavailable"}
        return [code(each) for each in again], ticks

    codes, ticks = asyncio.run(run())
    assert codes == ["accepted"] * 10
    assert ticks > 10
    assert len(bench.issuer.asked) == 2


def test_a_child_process_starts_anew(bench: Bench) -> None:
    """After a fork, the child fetches by connections of its own, even where the parent was at it."""
    assert bench.code("k1") == "accepted"
    child = os.fork()
    if child == 0:
        bench.now = LEAST_PAUSE
        good = bench.code("made-up") == "token_invalid" and bench.code("k1") == "accepted"
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(bench.issuer.asked) == 2


def test_an_issuer_that_is_not_there(bench: Bench) -> None:
    """A refused connection is an outage like any other."""
    keys = RemoteKeySet("http://127.0.0.1:9/", client=bench.client, algorithms={"ES256"})
    with pytest.raises(KeysUnavailableError):
        keys.find("k1")
    assert keys.fault is not None


def test_tls_is_verified(tmp_path: Path) -> None:
    """A certificate that nobody vouches for ends the exchange before anything is asked."""
    private = ec_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example.com")])
    began = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    kept = tmp_path / "certificate.pem"
    kept.write_bytes(
        certificate.public_bytes(encoding)
        + private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(kept)
    trusting = ssl.create_default_context(cadata=certificate.public_bytes(encoding).decode())
    with issuer_server(document(key_set(jwk(ec_key(), kid="k1"))), server) as issuer:
        found: list[bool] = []
        for tls in (None, trusting):
            client = IssuerClient(tls=tls, deadline=1)
            keys = RemoteKeySet(issuer.url, client=client, algorithms={"ES256"})
            try:
                found.append(keys.find("k1") is not None)
            except KeysUnavailableError:
                found.append(False)
            client.close()
    assert found == [False, True]
    assert len(issuer.asked) == 1


def test_a_client_that_was_closed_starts_anew() -> None:
    """Closing ends what is under way; asking again is no mistake."""
    client = IssuerClient(deadline=5, allow_loopback_http=True)
    with issuer_server(silent) as issuer:
        keys = RemoteKeySet(issuer.url, client=client, algorithms={"ES256"}, clock=lambda: 0)
        waiting = client.start(client.get(issuer.url))
        client.close()
        assert waiting.cancelled() or waiting.exception() is not None
        issuer.answer = document(key_set(jwk(ec_key(), kid="k1")))
        assert keys.find("k1") is not None
    client.close()
    client.close()


def test_work_that_never_ends_is_not_waited_for() -> None:
    """Whoever waits for longer than the deadline is told so."""
    client = IssuerClient(deadline=0.05)
    with pytest.raises(IssuerUnavailableError, match="in time"):
        client.wait(client.start(asyncio.sleep(10)))
    client.close()


# ------------------------------------------------------------------------------------------------------ reading a set


def test_a_set_is_read_for_what_can_be_used() -> None:
    """Keys for other purposes, kinds and algorithms, and weak ones, stand beside the good one and do no harm."""
    good = jwk(ec_key(), kid="good", use="sig", key_ops=["verify"], alg="ES256", x5c=["AAAA"])
    others = [
        jwk(ec_key(), kid="e1", use="enc"),
        jwk(ec_key(), kid="e2", key_ops=["deriveKey"]),
        jwk(ec_key(), kid="e3", key_ops="verify"),
        jwk(ec_key(), kid="e4", alg="ES384"),
        jwk(ec_key(), kid="e5", alg=["ES256"]),
        jwk(ec_key(), kid="a b"),
        jwk(ec_key()),
        jwk(rsa_key(), kid="e6", alg="RS256"),
        jwk(ed_key(), kid="e7"),
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43, "kid": "e8"},
        {"kty": "new", "kid": "e9"},
    ]
    found = read_key_set(key_set(good, *others), {"ES256"})
    assert len(found) == 1
    assert found.find("good") is not None
    assert found.find("e1") is None


def test_a_key_that_does_not_name_its_algorithm() -> None:
    """It takes the one that fits among those that are asked for; where two do, it is passed over."""
    assert read_key_set(key_set(jwk(rsa_key(), kid="k")), {"RS256", "ES256"}).find("k") is not None
    with pytest.raises(InvalidTokenKeyError):
        read_key_set(key_set(jwk(rsa_key(), kid="k")), {"RS256", "PS256"})


def test_a_key_without_id_is_alone() -> None:
    """The only key of a set needs no id, and serves tokens that name none."""
    found = read_key_set(key_set(jwk(ec_key())), {"ES256"})
    assert found.find(None) is not None
    assert found.find("k1") is None
    for wrong in ([], [found.find(None), found.find(None)]):
        with pytest.raises(InvalidTokenKeyError):
            TokenKeySet([each for each in wrong if each is not None])
    for algorithms in (set[str](), {"HS256"}, {"none"}):
        with pytest.raises(InvalidTokenKeyError):
            RemoteKeySet("https://example.com/", client=IssuerClient(), algorithms=algorithms)
