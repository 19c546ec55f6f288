"""An answer, as Envoy takes it (`envoy.service.auth.v3.CheckResponse`).

A refusal is always a denied response. An error, of gRPC or of the protocol, would be left to `failure_mode_allow`.
"""

from __future__ import annotations

from typing import Any, Final

from durwan.credentials.raw_request import Headers, RawRequest
from durwan.gateways.answer import Answer
from durwan.gateways.envoy_protocol import envoy_protocol
from durwan.gateways.upstream import is_identity_header

# Codes of gRPC. Envoy lets through what is 0 and nothing else.
_OK: Final = 0
_PERMISSION_DENIED: Final = 7
_UNAVAILABLE: Final = 503


def response_of(answer: Answer, raw: RawRequest) -> Any:
    """The `CheckResponse` for an answer to a request."""
    response = _allowed(answer, raw) if answer.allowed else denied(answer.status, answer.headers, answer.body)
    response.dynamic_metadata.update({"decision_id": answer.decision_id, "code": answer.code})
    return response


def denied(status: int, headers: Headers, body: bytes) -> Any:
    """A `CheckResponse` that refuses. A status that refuses nothing becomes 503: Envoy would send the client a 200."""
    response = envoy_protocol().CheckResponse()
    response.status.code = _PERMISSION_DENIED
    response.denied_response.status.code = status if 400 <= status <= 599 else _UNAVAILABLE
    response.denied_response.body = body.decode()
    _set(response.denied_response.headers, headers)
    return response


def _allowed(answer: Answer, raw: RawRequest) -> Any:
    response = envoy_protocol().CheckResponse()
    response.status.code = _OK
    _set(response.ok_response.headers, (*answer.upstream, *_canonical(answer, raw)))
    # Envoy removes after it has set, so what it sets must not stand among what it removes.
    ours = {name for name, _ in answer.upstream}
    strays = {name for name, _ in raw.headers if is_identity_header(name) and name.lower() not in ours}
    response.ok_response.headers_to_remove.extend(sorted(name.decode() for name in strays))
    return response


def _canonical(answer: Answer, raw: RawRequest) -> Headers:
    """The target that was decided about, where that is not how the client wrote it."""
    routed = answer.routed
    if routed is None:
        return ()
    target = routed.path.encode() + (b"?" + routed.query if routed.query else b"")
    return () if target == raw.target else ((b":path", target),)


def _set(options: Any, headers: Headers) -> None:
    """Headers that replace what is there of the same name, empty ones too. One that comes again is a further line."""
    seen: set[bytes] = set()
    for name, value in headers:
        option = options.add()
        option.header.key = name.decode()
        option.header.value = value.decode()
        # Envoys of all ages read this; newer ones take its default from `append_action`, which appends.
        option.append.value = name in seen
        option.keep_empty_value = True
        seen.add(name)


__all__ = ["denied", "response_of"]
