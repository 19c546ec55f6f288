"""The router: every row of the corpora of paths and of forwarded addresses, and what each part refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from durwan.credentials.raw_request import Headers, RawRequest
from durwan.credentials.refusals import Refusal
from durwan.model.address import NetworkSet, parse_network
from durwan.routing import RequestRules, Route, Routed, Router, RouteTable

CORPORA = Path(__file__).parents[2] / "corpora"
TABLE = RouteTable([Route(method=method, template="/{rest*}", action="a") for method in ("GET", "POST")])


def networks(*texts: str) -> NetworkSet:
    """The set of networks that are written."""
    found = [parse_network(text) for text in texts]
    return NetworkSet(each for each in found if each is not None)


def request(  # noqa: PLR0913 - each part of a request may be the one that is wrong
    target: bytes = b"/orders",
    headers: Headers = (),
    *,
    method: str = "GET",
    peer: str = "203.0.113.9",
    host: bytes | None = b"api.example.com",
    body: bytes = b"",
) -> RawRequest:
    """A request that is fine, apart from what is given."""
    named = headers if host is None else ((b"host", host), *headers)
    return RawRequest(method, target, named, body, peer, 0)


def read(raw: RawRequest, **rules: Any) -> Routed | Refusal:
    """What a router by these rules makes of a request."""
    return Router(TABLE, RequestRules(**rules)).read(raw)


def code_of(raw: RawRequest, **rules: Any) -> str:
    """The code of the refusal, or `routed`."""
    found = read(raw, **rules)
    return found.code if isinstance(found, Refusal) else "routed"


PATHS: list[dict[str, str]] = json.loads((CORPORA / "paths.json").read_text())
FORWARDED: list[dict[str, Any]] = json.loads((CORPORA / "xff.json").read_text())


@pytest.mark.parametrize("row", PATHS, ids=lambda row: row["raw_target"][:40])
def test_every_row_of_the_corpus_of_paths(row: dict[str, str]) -> None:
    """Each target is refused, or has the path and the query that the corpus expects."""
    found = read(request(row["raw_target"].encode()))
    if row["expected"].startswith(("reject", "path /admin, query x=1, fragment => reject")):
        assert isinstance(found, Refusal)
        assert found.code in {"target_refused", "host_refused", "request_too_large"}
        return
    assert isinstance(found, Routed)
    assert found.query == b""
    if row["expected"].startswith("/"):
        assert found.path == row["expected"]
    else:
        assert row["expected"].startswith("literal")
        assert found.path != "/admin"
        assert found.parameters == {"rest": unquote(row["raw_target"])[1:]}


@pytest.mark.parametrize("row", FORWARDED, ids=lambda row: ascii(row["headers"]))
def test_every_row_of_the_corpus_of_forwarded_addresses(row: dict[str, Any]) -> None:
    """Each list of hops is refused, or gives the address that the corpus expects."""
    headers = tuple((b"X-Forwarded-For", line.encode()) for line in row["headers"])
    found = read(request(headers=headers, peer=row["peer"]), trusted=networks(*row["trusted"]))
    if row["expected"] == "deny":
        assert isinstance(found, Refusal)
        assert found.code in {"address_refused", "header_refused"}
    else:
        assert isinstance(found, Routed)
        assert found.address == row["expected"]
