"""A parser written for one profile, for requests that are as nearly all are.

A gateway reads every request, so this is one of the few places where speed is worth a second way of doing the same: the
careful way (`joined.py`), which can say what is wrong, takes 7 µs, and this takes 2 (`benchmarks/signatures.py`). It
answers no question of its own: whatever is not plainly regular, such as a header in capitals, a percent sign in the
query, or any mistake, is given to the careful way, whose answer stands. So it never refuses, and where it does answer,
a test holds that both answer alike.

The tricks: headers become a dict in one step, and their names are looked at all at once; a target without its regular
characters is `?=&=&=`, which says in one step that it holds no odd character, one `?`, and a value for each name.

The code is written from the fixed lines below; names are numbered, and whatever comes from a profile is a constant that
is bound by name, never text of the code.
"""

from __future__ import annotations

import binascii
import hashlib
import linecache
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, assert_never

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.credentials.schemes.clock import READERS
from durwan.credentials.schemes.profile import (
    Authority,
    DecodedQuery,
    Hash,
    Joined,
    MessageField,
    OneOf,
    PathWithout,
    Piece,
    Profile,
    SignedHeaders,
    SortedMembers,
    Text,
)
from durwan.credentials.schemes.scheme import SignedParts
from durwan.credentials.schemes.signature_forms import SignatureForms

Parser = Callable[[RawRequest], SignedParts | Refusal]

_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz0123456789"
_REGULAR: Final = _LETTERS + _LETTERS.upper() + b"-._~!$'()*,:@/"
_PRINTABLE: Final = bytes(range(0x21, 0x7F))
_NONCE: Final = {"base64url": _LETTERS + _LETTERS.upper() + b"-_", "printable": _PRINTABLE}
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MOST_PARAMETERS: Final = 200


def _changing_all_but(kept: bytes) -> bytes:
    """A table by which every character but these becomes another: a text that it does not change has no other.

    Faster than `translate` with characters to delete, which makes such a table each time.
    """
    return bytes(each if each in kept else kept[0] for each in range(256))


_BOUND: Final[dict[str, Any]] = {
    "SignedParts": SignedParts,
    "REGULAR": _REGULAR,
    "REGULAR_NAME": _changing_all_but(_LETTERS + b"-"),
    "REGULAR_HOST": _changing_all_but(_LETTERS + b"-.:"),
    "REGULAR_KEY": _changing_all_but(_PRINTABLE),
    "METHODS": _METHODS,
    # What is left of a target, and of a form, without its regular characters: a name and a value for each parameter.
    "QUERIES": frozenset({b"", *(b"?=" + b"&=" * each for each in range(_MOST_PARAMETERS))}),
    "FORMS": frozenset(b"=" + b"&=" * each for each in range(_MOST_PARAMETERS)),
    "BYTES": {each: each.encode() for each in _METHODS},
    "join": b"".join,
    "hexlify": binascii.hexlify,
    "unhexlify": binascii.unhexlify,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
    "__builtins__": {
        "dict": dict,
        "len": len,
        "set": set,
        "int": int,
        "str": str,
        "KeyError": KeyError,
        "ValueError": ValueError,
    },
}


def regular_parser(profile: Profile, signed: Joined, forms: SignatureForms, careful: Parser) -> Parser | None:
    """The parser of a profile; None where its parts stand elsewhere than in headers, or in query or form."""
    writer = _Writer(profile, signed)
    return writer.load(forms, careful) if writer.is_possible() else None


class _Writer:
    """Writes the lines of one parser, and keeps the constants that they name."""

    def __init__(self, profile: Profile, signed: Joined) -> None:
        self._profile = profile
        self._signed = signed
        self._constants: dict[str, Any] = {}
        self._lines: list[str] = []
        self._in_headers = {
            part: places[0].name for part, places in profile.places.items() if [p.kind for p in places] == ["header"]
        }
        self._in_parameters = {
            part: places[0].name
            for part, places in profile.places.items()
            if [place.kind for place in places] == ["query", "form"] and places[0].name == places[1].name
        }

    def is_possible(self) -> bool:
        """Whether all that the profile asks for has its lines here."""
        placed = {**self._in_headers, **self._in_parameters}
        return placed.keys() == self._profile.places.keys() and _is_plain(self._signed.pieces)

    def load(self, forms: SignatureForms, careful: Parser) -> Parser:
        """The function, of whose code a traceback can show the lines."""
        self._write()
        source = "def parse(raw):\n" + "".join(f"    {line}\n" for line in self._lines)
        file = f"<scheme {self._profile.name}>"
        bound: dict[str, Any] = {**_BOUND, **self._constants, "careful": careful, "KINDS": forms.by_length}
        # Its text is ours: see above.
        exec(compile(source, file, "exec"), bound)  # noqa: S102
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        parse: Parser = bound["parse"]
        return parse

    def _constant(self, value: object) -> str:
        name = f"C{len(self._constants)}"
        self._constants[name] = value
        return name

    def _add(self, *lines: str) -> None:
        self._lines += lines

    def _unless(self, *conditions: str) -> None:
        """Gives the request to the careful way unless all of these hold."""
        self._add(f"if not ({' and '.join(conditions)}): return careful(raw)")

    def _write(self) -> None:
        self._headers()
        self._target()
        if self._in_parameters:
            self._parameters()
        self._key()
        self._timestamp()
        self._window()
        self._nonce()
        self._signature()
        self._message()
        self._result()

    def _headers(self) -> None:
        self._add("headers = raw.headers", "index = dict(headers)")
        self._add("names = join(index)")
        self._unless("len(index) == len(headers)", "names.translate(REGULAR_NAME) == names")
        needed: dict[str, bytes] = {
            part: name for part, name in self._in_headers.items() if part not in ("window", "signed_headers")
        }
        if any(isinstance(piece, Authority) for piece in self._signed.pieces):
            needed["host"] = b"host"
        getter = self._constant(itemgetter(*needed.values()))
        self._add(f"try: {', '.join(needed)} = {getter}(index)", "except KeyError: return careful(raw)")
        if "signed_headers" in self._in_headers:
            self._unless(f"{self._constant(self._in_headers['signed_headers'])} not in index")
        for name, values in self._profile.fixed_headers.items():
            self._unless(f"index.get({self._constant(name)}) in {self._constant(values)}")

    def _target(self) -> None:
        self._add("target = raw.target", "body = raw.body", "odd = target.translate(None, REGULAR)")
        self._unless("odd in QUERIES", "target[:1] == b'/'", "raw.method in METHODS")
        self._add("path, mark, query = target.partition(b'?')")
        if "query" in self._profile.must_be_empty:
            self._unless("not query")
        if "body" in self._profile.must_be_empty:
            self._unless("not body")
        if self._profile.json_body:
            self._unless("body[:1] in b'{['")
        if not self._in_parameters:
            names = "query.replace(b'=', b'&').split(b'&')[::2]"
            self._add(f"if len(odd) > 2 and len(set(names := {names})) != len(names): return careful(raw)")

    def _parameters(self) -> None:
        self._unless("not (query and body)")
        self._add("text = query")
        self._add("if body:", "    text = body", "    odd = body.translate(None, REGULAR)")
        self._add("    if odd not in FORMS: return careful(raw)")
        self._add("flat = text.replace(b'=', b'&').split(b'&')", "names = flat[::2]", "found = set(names)")
        wanted = {part: self._constant(name) for part, name in self._in_parameters.items()}
        needed = [name for part, name in wanted.items() if part not in ("window", "signature")]
        signature = wanted["signature"]
        self._unless("len(found) == len(names) > 1", f"names[-1] == {signature}", *(f"{e} in found" for e in needed))
        for part, name in wanted.items():
            if part not in ("window", "signature"):
                self._add(f"{part} = flat[2 * names.index({name}) + 1]")
        size = len(self._in_parameters["signature"]) + 2
        self._add("signature = flat[-1]", f"text = text[:-len(signature) - {size}]")
        self._add("if body: body = text", "else: query = text")

    def _key(self) -> None:
        self._unless("0 < len(key) <= 128", "key.translate(REGULAR_KEY) == key")

    def _timestamp(self) -> None:
        clock = self._profile.clock
        if clock is None:
            self._add("instant = None")
            return
        match clock.unit:
            case "seconds" | "decimal_seconds":
                self._unless("len(timestamp) == 10", "timestamp.isdigit()")
                self._add("instant = int(timestamp) * 1000000")
            case "milliseconds" | "milliseconds_or_microseconds":
                self._unless("len(timestamp) == 13", "timestamp.isdigit()")
                self._add("instant = int(timestamp) * 1000")
            case "iso8601_milliseconds":
                self._constants["read_iso"] = READERS[clock.unit]
                self._add("instant = read_iso(timestamp)")
                self._unless("instant is not None")

    def _window(self) -> None:
        rule = self._profile.window
        if rule is None:
            self._add("age = None")
            return
        if "window" in self._in_headers:
            self._add(f"window = index.get({self._constant(self._in_headers['window'])})")
        else:
            name = self._constant(self._in_parameters["window"])
            self._add(f"window = flat[2 * names.index({name}) + 1] if {name} in found else None")
        # Nearly everybody asks for a whole number of seconds; the careful way reads the others.
        ages: dict[bytes | None, int] = {
            str(each).encode(): each * 1_000 for each in range(1_000, rule.most + 1, 1_000)
        }
        self._add(f"age = {self._constant({**ages, None: rule.default * 1_000})}.get(window)")
        self._unless("age is not None")
        self._add("window = window or b''")

    def _nonce(self) -> None:
        rule = self._profile.nonce
        self._add("rising = None")
        if rule.rule == "message":
            self._add("nonce = None")
            return
        kept = self._constant(_changing_all_but(_NONCE[rule.characters]))
        self._unless(f"{rule.least} <= len(nonce) <= {rule.most}", f"nonce.translate({kept}) == nonce")
        if rule.rule == "rising":
            self._unless("nonce.isdigit()", "nonce[:1] != b'0'")
            self._add("rising = int(nonce)")
            self._unless(f"rising < {rule.below}")

    def _signature(self) -> None:
        self._add("kind = KINDS.get(len(signature))")
        self._unless("kind is not None")
        hmac = next((form for name, form in self._profile.algorithms.items() if name.startswith("hmac-")), None)
        if hmac is not None and hmac.encoding == "hex":
            # A signature that is no hexadecimal is one of another algorithm.
            self._add("try: decoded = unhexlify(signature)", "except ValueError: return careful(raw)")
            self._unless(f"hexlify(decoded) == signature{'.lower()' if hmac.any_case else ''}")
            return
        self._add("decoded = kind.decode(signature)")
        self._unless("decoded is not None")

    def _message(self) -> None:
        values = [self._value(piece) for piece in self._signed.pieces]
        separator = self._signed.separator
        if separator is None:
            self._length_prefixed(values)
        elif separator:
            self._add(f"message = {self._constant(separator.join)}({_tuple(values)})")
        else:
            self._add(f"message = {' + '.join(values) if len(values) < 3 else f'join({_tuple(values)})'}")

    def _length_prefixed(self, values: Sequence[str]) -> None:
        """As `pieces.length_prefixed` does, where what is the same in every request is part of the template."""
        lengths, contents, names, given = b"", b"", list[str](), list[str]()
        for number, (piece, value) in enumerate(zip(self._signed.pieces, values, strict=True)):
            name, size = f"v{number}", self._size(piece)
            lengths += b"%d," if size is None else b"%d," % size
            if isinstance(piece, Text | SignedHeaders):
                contents += piece.text.replace(b"%", b"%%") if isinstance(piece, Text) else b""
                continue
            self._add(f"{name} = {value}")
            contents += b"%b"
            names.append(name)
            given += [f"len({name})"] * (size is None)
        form = self._constant(lengths.removesuffix(b",") + b"\n" + contents)
        self._add(f"message = {form} % {_tuple([*given, *names])}")

    def _size(self, piece: Piece) -> int | None:
        """How long the value of a piece is in every regular request; None where that differs."""
        match piece:
            case Text(text=text):
                return len(text)
            case SignedHeaders():
                return 0
            case Hash(algorithm=algorithm, form=form):
                return hashlib.new(algorithm).digest_size * (2 if form == "hex" else 1)
            case _:
                return None

    def _value(self, piece: Piece) -> str:
        match piece:
            case str():
                return {"method": "BYTES[raw.method]", "query_mark": "(mark + query)"}.get(piece, piece)
            case Text(text=text):
                return self._constant(text)
            case Hash():
                return self._hash(piece)
            case OneOf():
                self._unless("not (query and body)")
                return "(query or body)"
            case PathWithout(prefix=prefix):
                return f"path.removeprefix({self._constant(prefix)})"
            case Authority():
                self._unless("host", "host.translate(REGULAR_HOST) == host")
                return "host"
            case DecodedQuery() | SignedHeaders():
                # In a regular request nothing is encoded, and no header is named as signed.
                return "query" if isinstance(piece, DecodedQuery) else "b''"
            case SortedMembers() | MessageField():
                raise NotImplementedError
        assert_never(piece)

    def _hash(self, piece: Hash) -> str:
        values = [self._value(each) for each in piece.pieces]
        content = values[0] if len(values) == 1 else f"join({_tuple(values)})"
        digest = f"{piece.algorithm}({content}).{'hexdigest' if piece.form == 'hex' else 'digest'}()"
        digest = f"{digest}.encode()" if piece.form == "hex" else digest
        if piece.pieces != ("body",):
            return digest
        empty = hashlib.new(piece.algorithm)
        known = empty.hexdigest().encode() if piece.form == "hex" else empty.digest()
        return f"({digest} if body else {self._constant(known)})"

    def _result(self) -> None:
        match self._profile.nonce.rule:
            case "once":
                once = "nonce"
            case "rising":
                once = "None"
            case "message":
                self._add("if not kind.is_hmac: return careful(raw)")
                once = "None if raw.method in ('GET', 'HEAD') else decoded"
        passphrase = "passphrase" if self._profile.passphrase is not None else "None"
        self._add(
            "return SignedParts("
            f"key.decode(), instant, age, nonce, decoded, message, kind, {passphrase}, None, {once}, rising)"
        )


def _tuple(values: Sequence[str]) -> str:
    return f"({', '.join(values)},)"


def _is_plain(pieces: Sequence[Piece]) -> bool:
    """Whether each piece is made of headers and fields alone."""
    inner = [each for piece in pieces if isinstance(piece, Hash) for each in piece.pieces]
    return not any(isinstance(piece, SortedMembers | MessageField) for piece in (*pieces, *inner))
