"""A credential put into a request, each part where its profile says: the other direction of `joined`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.schemes.profile import PartName, Place, Profile

_NUMBERS: Final = frozenset({"timestamp", "window"})


def placed(request: RawRequest, profile: Profile, values: Mapping[PartName, bytes]) -> RawRequest:
    """The request with the parts of a credential, each in the first of its places, the signature last."""
    order = sorted(values, key=lambda part: part == "signature")
    authorization: list[bytes] = []
    for part in order:
        place = profile.places[part][0]
        if place.kind == "authorization":
            authorization.append(place.name + b"=" + values[part])
        else:
            request = _put(request, part, place, values[part])
    if authorization:
        request = _with_header(request, b"Authorization", profile.word + b" " + b",".join(authorization))
    for name, allowed in profile.fixed_headers.items():
        request = _with_header(request, name, max(allowed))
    return request


def _with_header(request: RawRequest, name: bytes, value: bytes) -> RawRequest:
    return replace(request, headers=(*request.headers, (name, value)))


def _put(request: RawRequest, part: PartName, place: Place, value: bytes) -> RawRequest:
    match place.kind:
        case "header" | "authorization":
            return _with_header(request, place.name, value)
        case "query":
            mark = b"&" if b"?" in request.target else b"?"
            return replace(request, target=request.target + mark + _pair(place.name, value))
        case "form":
            start = request.body + b"&" if request.body else b""
            return replace(request, body=start + _pair(place.name, value))
        case "message":
            message = json.loads(request.body or b"{}")
            text = value.decode()
            content = _inserted(message, place.path, int(text) if part in _NUMBERS and text.isdigit() else text)
            return replace(request, body=json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def _pair(name: bytes, value: bytes) -> bytes:
    return name + b"=" + quote(value, safe="").encode()


def _inserted(message: Any, path: tuple[str | int, ...], value: object) -> Any:
    """A message with a value at a path, where objects and lists are made as they are needed."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        members: dict[str, Any] = message or {}
        return {**members, step: _inserted(members.get(step), rest, value)}
    items: list[Any] = list(message or ())
    items += [None] * (step + 1 - len(items))
    items[step] = _inserted(items[step], rest, value)
    return items
