"""The prelude, which is written in the language itself."""

from __future__ import annotations

from durwan.language import syntax
from durwan.language.prelude import prelude


def test_prelude() -> None:
    """The contexts that every gateway has, with the attributes of the language page, and what the gate counts."""
    contexts = [each for each in prelude().declarations if isinstance(each, syntax.ContextDeclaration)]
    assert len(contexts) == len(prelude().declarations)
    attributes = {
        context.name.text: " ".join(name.text for each in context.attributes for name in each.names)
        for context in contexts
    }
    assert attributes == {
        "key": (
            "id account subaccount environment owner scopes networks symbols labels created rotated expires last_used"
            " not_before revoked"
        ),
        "client": "ip country asn user_agent tls_fingerprint",
        "session": "id kind started last_seen mfa_at mfa_methods",
        "token": "issuer subject kind audience scopes issued expires",
        "gateway": "environment venue node",
        "request": "method path symbol side currency address client_id timestamp notional quantity price weight",
        "approvals": "by",
        "activity": (
            "requests_1m refusals_5m address_requests_1m address_refusals_5m addresses_1h new_address address_since"
        ),
    }
