"""The pieces of a profile that are signed: read from their file, and which parts of a request they cover."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, assert_never, get_args

from durwan.credentials.schemes.profile import (
    FIELDS,
    Authority,
    DecodedQuery,
    FieldName,
    Hash,
    HashForm,
    HashName,
    MessageField,
    OneOf,
    PathWithout,
    Piece,
    SignedHeaders,
    SortedMembers,
    Text,
)
from durwan.credentials.schemes.profile_node import Node

_FIELDS: Final[dict[str, FieldName]] = {each: each for each in FIELDS}
_WORDS: Final[dict[str, Callable[[], Piece]]] = {
    "authority": Authority,
    "signed_headers": SignedHeaders,
    "decoded_query": DecodedQuery,
}


def read_pieces(node: Node) -> tuple[Piece, ...]:
    """A list of at least one piece."""
    pieces: list[Piece] = []
    pieces.extend(_piece(each) for each in node.items())
    return tuple(pieces) if pieces else node.fail("has to name what is signed")


def _piece(node: Node) -> Piece:
    if node.is_text:
        field = _FIELDS.get(node.text())
        return field if field is not None else _WORDS[node.one_of((*FIELDS, *_WORDS))]()
    kinds: dict[str, Callable[[Node], Piece]] = {
        "text": lambda each: Text(text=each.need("text").text().encode()),
        "hash": _hash,
        "one_of": lambda each: OneOf(fields=tuple(item.one_of(FIELDS) for item in each.need("one_of").items())),
        "path_without": lambda each: PathWithout(prefix=each.need("path_without").ascii()),
        "sorted_members": _sorted_members,
        "message": lambda each: MessageField(path=each.need("message").path()),
    }
    found = next((each for each in kinds if node.get(each) is not None), None)
    if found is None:
        node.fail(f"has to be a field ({', '.join((*FIELDS, *_WORDS))}) or a mapping with one of {', '.join(kinds)}")
    extra = {"hash": ("form", "pieces"), "sorted_members": ("without",)}.get(found, ())
    node.members((found, *extra))
    return kinds[found](node)


def _hash(node: Node) -> Hash:
    return Hash(
        algorithm=node.need("hash").one_of(get_args(HashName)),
        form=node.need("form").one_of(get_args(HashForm)),
        pieces=read_pieces(node.need("pieces")),
    )


def _sorted_members(node: Node) -> SortedMembers:
    without = frozenset(each.text() for each in node.need("without").items())
    return SortedMembers(path=node.need("sorted_members").path(), without=without)


def covered_by(pieces: Iterable[Piece]) -> set[str]:
    """Which of method, path, query and body are signed by some pieces."""
    return {name for piece in pieces for name in _covered(piece)}


_ALSO: Final[dict[str, tuple[str, ...]]] = {"target": ("path", "query"), "query_mark": ("query",)}


def _covered(piece: Piece) -> Iterable[str]:
    match piece:
        case str():
            return _ALSO.get(piece, (piece,))
        case Hash(pieces=pieces):
            return covered_by(pieces)
        case OneOf(fields=names):
            return [each for name in names for each in _ALSO.get(name, (name,))]
        case PathWithout():
            return ("path",)
        case DecodedQuery():
            return ("query",)
        case SortedMembers() | MessageField() | Text() | Authority() | SignedHeaders():
            return ()
    assert_never(piece)
