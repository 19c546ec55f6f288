"""Tokens and the state that gateways share: records, revocations, proofs that are used once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from durwan.credentials.tokens.dpop import DpopVerifier, Proof
from durwan.credentials.tokens.opaque import Grant, IssuedToken, OpaqueTokens
from durwan.credentials.tokens.state_records import StateTokenRecords
from durwan.state.memory import MemoryState
from durwan.state.revocations import RevocationView
from durwan.state.sqlite import SqliteState
from durwan.state.store import Revocation, StateStore
from tests.tokens import NOW, accepted, code, token, verifier
from tests.unit.credentials.tokens.test_dpop import ACCESS, METHOD, URI, proof

GRANT = Grant(subject="trader-9", scopes=frozenset({"orders.read"}), lifetime=60_000, client_id="terminal")
MINUTES = 600_000


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    found: StateStore = (
        MemoryState(since=NOW - MINUTES) if request.param == "memory" else SqliteState(tmp_path / "state.db")
    )
    yield found
    found.close()


def tokens(store: StateStore, **options: int) -> OpaqueTokens:
    records = StateTokenRecords(store, **options)
    return OpaqueTokens(records, issuer="durwan", audience="gateway", hashing_secret=b"h" * 32, clock=lambda: NOW)


def test_a_token_lives_in_the_store(store: StateStore) -> None:
    """What one gateway issued, another one verifies, narrows and ends."""
    issued = tokens(store).issue(GRANT)
    assert accepted(tokens(store).verify(issued.text)) == issued.token
    child = tokens(store).narrow(issued.text, {"orders.read"}, lifetime=1000)
    assert isinstance(child, IssuedToken)
    tokens(store).revoke(issued.text)
    assert [code(tokens(store).verify(each.text)) for each in (issued, child)] == ["token_invalid", "token_invalid"]


def test_a_client_has_so_many_tokens(store: StateStore) -> None:
    """One more than it may have ends the oldest."""
    making = tokens(store, most=2)
    issued = [making.issue(GRANT) for _ in range(3)]
    assert [code(making.verify(each.text)) for each in issued] == ["token_invalid", "accepted", "accepted"]


def test_a_closed_store_denies(store: StateStore) -> None:
    """Where the store cannot be asked, a token is refused, and so is a proof."""
    making = tokens(store)
    issued = making.issue(GRANT)
    proofs = DpopVerifier(store, clock=lambda: NOW)
    store.close()
    assert code(making.verify(issued.text)) == "state_unavailable"
    assert code(proofs.verify(proof(), method=METHOD, uri=URI, token=ACCESS)) == "state_unavailable"


def test_a_revocation_is_seen_at_once(store: StateStore) -> None:
    """A token revoked through the view is refused with the next request; a view that is too old refuses as well."""
    view = RevocationView(store, clock=lambda: NOW)
    judge = verifier(revoked=view)
    with_view_unstarted = code(judge.verify(token()))
    view.start()
    found = accepted(judge.verify(token()))
    view.revoke(Revocation(kind="token", id=found.revocation_ids[1], until=found.expires))
    assert (with_view_unstarted, code(judge.verify(token()))) == ("state_unavailable", "token_revoked")
    view.close()


def test_a_proof_is_accepted_once_by_all_gateways(store: StateStore) -> None:
    """Whichever gateway it comes to first, the second one refuses it."""
    outcomes = [
        DpopVerifier(store, clock=lambda: NOW).verify(proof(), method=METHOD, uri=URI, token=ACCESS) for _ in range(2)
    ]
    assert isinstance(outcomes[0], Proof)
    assert code(outcomes[1]) == "nonce_replayed"
