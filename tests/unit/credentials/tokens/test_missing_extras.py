"""What is said where an extra is missing."""

from __future__ import annotations

import sys

import pytest

from durwan.credentials.tokens.issuer_client import HttpNotInstalledError, IssuerClient
from durwan.credentials.tokens.signatures import TokensNotInstalledError, crypto
from durwan.credentials.tokens.token_keys import HmacKey, public_key
from tests.tokens import SECRET


def test_signatures_without_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public key needs the extra, and says how to get it; a shared secret needs none."""
    crypto.cache_clear()
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(TokensNotInstalledError, match=r"pip install 'durwan\[jwt\]'"):
        public_key(b"", "ES256")
    key = HmacKey("HS256", SECRET)
    assert not key.verifies(b"", b"")


def test_issuers_without_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking an issuer needs the extra, and says how to get it."""
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(HttpNotInstalledError, match=r"pip install 'durwan\[oidc\]'"):
        IssuerClient()
