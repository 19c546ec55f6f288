"""Where a request comes from: the last address that somebody vouches for whom we trust."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durwan.credentials.refusals import Refusal, refuse
from durwan.model.address import format_address, parse_address
from durwan.routing.rules import RequestRules

_NO_PEER: Final = refuse("address_refused", "the connection has no address, and nobody vouches for it")
_NO_HOP: Final = refuse("address_refused", "the proxy did not say whom it asks for")
_BAD_HOP: Final = refuse("address_refused", "the list of addresses that the request came by cannot be read")
_ALL_TRUSTED: Final = refuse("address_refused", "every address that the request came by is a proxy's")


def client_address(rules: RequestRules, peer: str, lines: Sequence[bytes]) -> str | Refusal:
    """The address of the client, as `format_address` writes it.

    `peer` is who has opened the connection; `lines` are the values of the header `rules.forwarded`, in the order they
    came. Of a peer that is not trusted they mean nothing. Otherwise they are read from the last address of the last
    line backwards, up to the first that is not trusted: whatever stands before that one, anybody may have written.
    """
    packed = parse_address(peer)
    if packed is None:
        if peer or not rules.unix_socket:
            return _NO_PEER
    elif packed not in rules.trusted:
        return format_address(packed)
    return _walked(rules, lines)


def _walked(rules: RequestRules, lines: Sequence[bytes]) -> str | Refusal:
    hops = b",".join(lines).split(b",") if lines else []
    if not hops:
        return _NO_HOP
    if len(hops) > rules.most_hops:
        return _BAD_HOP
    for hop in reversed(hops):
        packed = _packed(hop)
        if packed is None:
            return _BAD_HOP
        if packed not in rules.trusted:
            return format_address(packed)
    return _ALL_TRUSTED


def _packed(hop: bytes) -> bytes | None:
    """The address of one hop, between spaces and tabs alone; a byte that is not ASCII makes it none."""
    text = hop.strip(b" \t")
    return parse_address(text.decode("ascii")) if text.isascii() else None


__all__ = ["client_address"]
