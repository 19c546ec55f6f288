"""Tokens: access tokens as JWT, opaque ones, those that their issuer is asked about, and proofs of possession.

Everything here answers with a `VerifiedToken` or a `Refusal` (`credentials/refusals.py`), and raises for wrong
configuration alone. No token, key or proof is ever part of a text, a `repr` or an exception that leaves this package.
"""
