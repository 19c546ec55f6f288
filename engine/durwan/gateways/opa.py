"""What gateways ask of OPA: `POST /v1/data/<path>` with `{"input": ...}`, answered as their plugins read it.

Three forms of input are known: those of the plugins of APISIX (`request` and `var`) and of Kong (`request.http` and
`client_ip`), from which the request is put together again and goes through the whole pipeline; and a plain request as
`Engine.decide` takes it, from somebody who is trusted with that.

The plugins send headers and query as mappings and the path decoded: what was signed cannot be put together again to the
byte. So a path is taken only where nothing in it could have been written otherwise, and requests that carry a signature
over path and query verify only where that is all there is; tokens are the credential for this way in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import Any, Final
from urllib.parse import quote

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal, refuse
from durwan.credentials.tokens.strict_json import object_in
from durwan.gateways.answer import Answer
from durwan.gateways.gate import Begun, Gate
from durwan.gateways.serving.application import POST, Way
from durwan.gateways.serving.exchange import Receive, Reply, Scope, TooLargeError, json_reply, problem, read_body
from durwan.model.strict_json import JsonTextError, read_json

_UNREAD: Final = RawRequest("", b"", (), b"", "", 0)
_MALFORMED: Final = refuse("request_malformed", "the gateway's plugin did not say what the request is about")
_TARGET: Final = refuse("target_refused", "the path could have been written in more than one way")
_UNSEEN: Final = refuse("request_too_large", "the body did not come with the question")
# What stands for itself in a path however it was encoded (RFC 3986, section 2.3), the divider, and nothing else.
_PLAIN_PATH: Final = re.compile(r"/[A-Za-z0-9\-._~/!$&'()*+,=:@]*", re.ASCII)
_OBJECT: Final[type[dict[str, Any]]] = dict
_LIST: Final[type[list[Any]]] = list


class OpaEndpoint:
    """Answers the question of a plugin: an object, or where only a boolean is asked for, that.

    Args:
        gate: what answers.
        clock: milliseconds since the epoch.
        boolean: whether the result is a boolean.
    """

    def __init__(self, gate: Gate, clock: Callable[[], int], *, boolean: bool = False) -> None:
        self._gate = gate
        self._clock = clock
        self._boolean = boolean

    async def __call__(self, scope: Scope, receive: Receive) -> Reply:
        """The result; 400 where what came is no question at all, which every plugin takes for a no."""
        try:
            message = read_json(await read_body(scope, receive, self._gate.most_body), what="body")
        except TooLargeError:
            return problem(413, f"the body has more than {self._gate.most_body} bytes")
        except JsonTextError:
            return problem(400, "the body is not JSON that has a single meaning")
        asked = object_in(message)
        given = None if asked is None else object_in(asked.get("input"))
        if given is None:
            return problem(400, "the body is not an object with an object `input`")
        answer = await self._answer(given)
        return json_reply({"result": answer.allowed if self._boolean else result_of(answer)})

    async def _answer(self, given: Mapping[str, Any]) -> Answer:
        if "action" in given:
            return await self._gate.answer_request_async(given)
        found = request_of(given, self._clock())
        if isinstance(found, Refusal):
            begun = Begun(raw=_UNREAD, refusal=found, started=perf_counter())
            return await self._gate.finish_async(begun, b"")
        raw, has_body = found
        begun = self._gate.begin(raw)
        if begun.needs_body and not has_body:
            begun = begun.refused(_UNSEEN)
        return await self._gate.finish_async(begun, raw.body)


def opa_ways(gate: Gate, clock: Callable[[], int], path: str) -> dict[str, Way]:
    """The endpoints: the object, and below it at `/allow` the boolean."""
    return {
        f"/v1/data/{path}": Way(endpoint=OpaEndpoint(gate, clock), methods=POST, bearer=True),
        f"/v1/data/{path}/allow": Way(endpoint=OpaEndpoint(gate, clock, boolean=True), methods=POST, bearer=True),
    }


def result_of(answer: Answer) -> dict[str, Any]:
    """What plugins read: APISIX `status_code` and `reason`, Kong `status` and `message`.

    `headers` go to the client with a refusal; otherwise they are for what stands behind the gateway.
    """
    lines = answer.upstream if answer.allowed else answer.headers
    headers = {name.decode(): value.decode("ascii", "replace") for name, value in lines}
    result: dict[str, Any] = {"allow": answer.allowed, "headers": headers, "decision_id": answer.decision_id}
    if not answer.allowed:
        body = answer.body.decode()
        result |= {"status_code": answer.status, "status": answer.status, "reason": body, "message": json.loads(body)}
    return result


def request_of(given: Mapping[str, Any], now: int) -> tuple[RawRequest, bool] | Refusal:
    """The request that a plugin tells of, and whether its body came with it."""
    asked, variables = object_in(given.get("request")), object_in(given.get("var"))
    if asked is None:
        return _MALFORMED
    inner = object_in(asked.get("http"))
    if inner is not None:
        return _rebuilt(inner, given.get("client_ip"), inner.get("querystring"), now)
    return _rebuilt(asked, None if variables is None else variables.get("remote_addr"), asked.get("query"), now)


def _rebuilt(asked: Mapping[str, Any], peer: object, query: object, now: int) -> tuple[RawRequest, bool] | Refusal:
    method, path, body = asked.get("method"), asked.get("path"), asked.get("body")
    if type(method) is not str or type(path) is not str or type(peer) is not str:
        return _MALFORMED
    if _PLAIN_PATH.fullmatch(path) is None:
        return _TARGET
    try:
        headers = tuple(_lines(asked.get("headers")))
        target = path + "".join(_query(query))
    except (ValueError, TypeError):
        return _MALFORMED
    content = body.encode("utf-8", "surrogatepass") if type(body) is str else b""
    has_body = type(body) is str or not any(name in {b"content-length", b"transfer-encoding"} for name, _ in headers)
    return RawRequest(method, target.encode("ascii"), headers, content, peer, now), has_body


def _lines(given: object) -> Iterator[tuple[bytes, bytes]]:
    """Header lines of a mapping, in which a list stands for several of one name."""
    if type(given) is not _OBJECT:
        raise TypeError
    for name, value in given.items():
        for each in value if type(value) is _LIST else (value,):
            if type(each) is not str:
                raise TypeError
            yield name.lower().encode("ascii"), each.encode("latin-1")


def _query(given: object) -> Iterator[str]:
    """The query of a mapping; `true` stands for a name without a value. What is empty may come as a list."""
    if given in (None, [], {}):
        return
    if type(given) is not _OBJECT:
        raise TypeError
    before = "?"
    for name, value in given.items():
        for each in value if type(value) is _LIST else (value,):
            if type(each) is not str and each is not True:
                raise TypeError
            yield before + quote(name, safe="") + ("" if each is True else f"={quote(each, safe='')}")
            before = "&"


__all__ = ["OpaEndpoint", "opa_ways", "request_of", "result_of"]
