"""The endpoints of AuthZEN over HTTP (Authorization API 1.0, section 10).

A decision is answered with 200, whatever it is; 400 says that a message is malformed, and then nothing is decided.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from durwan.gateways.answer import Answer
from durwan.gateways.authzen.messages import (
    Evaluation,
    Evaluations,
    MalformedError,
    read_evaluation,
    read_evaluations,
    read_search,
)
from durwan.gateways.authzen.search import NotSearchableError, Search
from durwan.gateways.authzen.translation import Translation, answer_to
from durwan.gateways.gate import Gate
from durwan.gateways.serving.application import GET, POST, Document, Way
from durwan.gateways.serving.exchange import (
    Receive,
    Reply,
    Scope,
    TooLargeError,
    json_reply,
    only,
    problem,
    read_body,
)
from durwan.model.strict_json import JsonTextError, read_json

EVALUATION: Final = "/access/v1/evaluation"
EVALUATIONS: Final = "/access/v1/evaluations"
SEARCH: Final = "/access/v1/search/"
METADATA: Final = "/.well-known/authzen-configuration"
_MEDIA_TYPE: Final = b"application/json"
_REQUEST_ID: Final = b"x-request-id"
# What may be sent back as it came.
_ECHOED: Final = re.compile(rb"[!-~]{1,256}")
_OBJECT: Final[type[dict[str, Any]]] = dict


class _Asked:
    """What all endpoints to which JSON is posted have in common."""

    def __init__(self, most_body: int) -> None:
        self._most_body = most_body

    async def __call__(self, scope: Scope, receive: Receive) -> Reply:
        """The reply, with the request's own id if it brought one."""
        reply = await self._answered(scope, receive)
        request_id = only(scope["headers"], _REQUEST_ID)
        if request_id is None or _ECHOED.fullmatch(request_id) is None:
            return reply
        return Reply(reply.status, (*reply.headers, (_REQUEST_ID, request_id)), reply.body)

    async def _answered(self, scope: Scope, receive: Receive) -> Reply:
        media_type = only(scope["headers"], b"content-type")
        if media_type is None or media_type.partition(b";")[0].strip().lower() != _MEDIA_TYPE:
            return problem(400, "the content type has to be application/json")
        try:
            message = read_json(await read_body(scope, receive, self._most_body), what="body")
            if type(message) is not _OBJECT:
                raise MalformedError("the body is not a JSON object")  # noqa: TRY301 - answered like all of its kind
            return await self.reply(message)
        except TooLargeError:
            return problem(413, f"the body has more than {self._most_body} bytes")
        except JsonTextError:
            # Nothing of its text: it quotes the body.
            return problem(400, "the body is not JSON that has a single meaning")
        except MalformedError as error:
            return problem(400, str(error))

    async def reply(self, message: Mapping[str, Any]) -> Reply:
        """The reply to a message.

        Raises:
            MalformedError: it is none.
        """
        raise NotImplementedError


class EvaluationEndpoint(_Asked):
    """One question.

    Args:
        gate: what decides, and records.
        translation: what stands for what.
    """

    def __init__(self, gate: Gate, translation: Translation) -> None:
        super().__init__(gate.most_body)
        self._gate = gate
        self._translation = translation

    async def reply(self, message: Mapping[str, Any]) -> Reply:
        """The decision."""
        return json_reply(await self.decided(read_evaluation(message)))

    async def decided(self, asked: Evaluation) -> dict[str, Any]:
        """The decision as AuthZEN has it."""
        answer: Answer = await self._gate.answer_request_async(self._translation.request(asked))
        return answer_to(answer)


class EvaluationsEndpoint(EvaluationEndpoint):
    """Several questions, each by itself; see `EvaluationEndpoint`.

    Args:
        gate: what decides, and records.
        translation: what stands for what.
        most: how many questions there may be.
    """

    def __init__(self, gate: Gate, translation: Translation, most: int) -> None:
        super().__init__(gate, translation)
        self._most = most

    async def reply(self, message: Mapping[str, Any]) -> Reply:
        """The decisions, in the order of the questions; one, where one was asked."""
        asked = read_evaluations(message, self._most)
        if isinstance(asked, Evaluation):
            return json_reply(await self.decided(asked))
        return json_reply({"evaluations": await self._all(asked)})

    async def _all(self, asked: Evaluations) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for item in asked.items:
            decided = _failed(item) if isinstance(item, MalformedError) else await self.decided(item)
            found.append(decided)
            if asked.ends_with(decided["decision"]):
                break
        return found


class SearchEndpoint(_Asked):
    """A search.

    Args:
        search: what finds.
        target: what is searched for.
        most_body: how many bytes a question may have.
    """

    def __init__(self, search: Search, target: Literal["subject", "resource", "action"], most_body: int) -> None:
        super().__init__(most_body)
        self._search = search
        self._target: Literal["subject", "resource", "action"] = target

    async def reply(self, message: Mapping[str, Any]) -> Reply:
        """All that was found. Pages are not divided, as the specification leaves open."""
        asked = read_search(message, self._target)
        if type(message.get("page", {})) is not _OBJECT:
            raise MalformedError("`page` is not an object")
        try:
            return json_reply({"results": await asyncio.to_thread(self._search.find, asked, self._target)})
        except NotSearchableError as error:
            return problem(501, str(error))


def authzen_ways(gate: Gate, translation: Translation, search: Search, *, url: str, most: int) -> dict[str, Way]:
    """All endpoints; `url` is the address under which the server is called, `most` how many questions go at once."""
    asked = {
        EVALUATION: EvaluationEndpoint(gate, translation),
        EVALUATIONS: EvaluationsEndpoint(gate, translation, most),
        **{f"{SEARCH}{each}": SearchEndpoint(search, each, gate.most_body) for each in _TARGETS},
    }
    metadata = json_reply(_metadata(url, search))
    return {
        **{path: Way(endpoint=endpoint, methods=POST, bearer=True) for path, endpoint in asked.items()},
        METADATA: Way(endpoint=Document(lambda: metadata), methods=GET, open=True),
    }


_TARGETS: Final[tuple[Literal["subject", "resource", "action"], ...]] = ("subject", "resource", "action")


def _metadata(url: str, search: Search) -> dict[str, str]:
    """What there is here; what cannot be searched for is not named."""
    base = url.rstrip("/")
    return {
        "policy_decision_point": base,
        "access_evaluation_endpoint": f"{base}{EVALUATION}",
        "access_evaluations_endpoint": f"{base}{EVALUATIONS}",
        **{f"search_{each}_endpoint": f"{base}{SEARCH}{each}" for each in _TARGETS if each in search.targets},
    }


def _failed(error: MalformedError) -> dict[str, Any]:
    """What stands in the place of a question that is malformed: never a yes."""
    return {"decision": False, "context": {"error": {"status": 400, "message": str(error)}}}


__all__ = ["EvaluationEndpoint", "EvaluationsEndpoint", "SearchEndpoint", "authzen_ways"]
