"""Signatures as text: which algorithm one can be of, told by its length, and its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from durwan.credentials.schemes.credential import StaticCredential
from durwan.credentials.schemes.encodings import DECODERS, ENCODERS, Decoder, any_case_hex_of, encoded_length
from durwan.credentials.schemes.keys import nobodys_key
from durwan.credentials.schemes.profile import SIGNATURE_BYTES, Algorithm, SignatureForm
from durwan.credentials.schemes.request_fields import stop


class SignatureKind:
    """Signatures of one length, and the algorithms that they can be of.

    Attributes:
        algorithms: at least one.
        is_hmac: whether it is an authentication code, of which there is only one for a message.
        size: how many bytes they have.
        decode: makes these of their text.
    """

    def __init__(self, algorithms: tuple[Algorithm, ...], size: int, decode: Decoder) -> None:
        self.algorithms = algorithms
        self.is_hmac = algorithms[0].startswith("hmac-")
        self.size = size
        self.decode = decode

    @cached_property
    def nobody(self) -> StaticCredential:
        """What such a signature is verified with when its key is unknown, so that it takes as long."""
        return StaticCredential((nobodys_key(self.algorithms[0], self.size),), b"nobody's passphrase")


class _Written(NamedTuple):
    algorithm: Algorithm
    form: SignatureForm
    size: int
    length: int


class SignatureForms:
    """The signatures of the algorithms of a scheme.

    The algorithm is told by what was sent, never by which key is claimed: so the work does not depend on the key.
    """

    def __init__(self, forms: Mapping[Algorithm, SignatureForm]) -> None:
        self._forms = dict(forms)
        self._written = [
            _Written(algorithm, form, size, encoded_length(form.encoding, size))
            for algorithm, form in forms.items()
            for size in SIGNATURE_BYTES[algorithm]
        ]
        by_size = {
            size: SignatureKind(tuple(each.algorithm for each in self._written if each.size == size), size, decode)
            for size, decode in ((each.size, _decoder(each.form)) for each in self._written)
        }
        self.by_size: Mapping[int, SignatureKind] = by_size
        self.by_length: Mapping[int, SignatureKind] = {each.length: by_size[each.size] for each in self._written}

    def read(self, text: bytes) -> tuple[SignatureKind, bytes]:
        """The kind of a signature, and its bytes; anything else is refused."""
        kind = self.by_length.get(len(text))
        signature = None if kind is None else kind.decode(text)
        return (kind, signature) if kind is not None and signature is not None else stop("signature_malformed")

    def write(self, algorithm: Algorithm, signature: bytes) -> bytes:
        """A signature as text."""
        return ENCODERS[self._forms[algorithm].encoding](signature)

    def clash(self) -> tuple[Algorithm, ...]:
        """Two algorithms whose signatures are of one length, as text or as bytes, but are written in different ways."""
        for one in self._written:
            for other in self._written:
                if one.form != other.form and (one.length == other.length or one.size == other.size):
                    return one.algorithm, other.algorithm
        return ()


def _decoder(form: SignatureForm) -> Decoder:
    return any_case_hex_of if form.any_case else DECODERS[form.encoding]
