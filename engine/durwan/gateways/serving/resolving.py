"""Files and secrets that a configuration names: found and read, or the reason why nothing starts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from durwan.credentials.kept_files import read_private, read_whole
from durwan.credentials.sealing import SealingKey
from durwan.credentials.sealing_sources import FILE_VARIABLE, VARIABLE, sealing_key
from durwan.credentials.secret import Secret
from durwan.errors import DurwanError
from durwan.gateways.serving import mistakes
from durwan.gateways.serving.kinds import SecretSource
from durwan.gateways.serving.reading import ConfigurationError, Loaded, Place

_MOST_BYTES: Final = 64 << 10
_LEAST_SECRET: Final = 16


class Resolver:
    """Reads what a configuration names.

    Args:
        loaded: the configuration.
        environment: the variables of the environment.
    """

    def __init__(self, loaded: Loaded, environment: Mapping[str, str]) -> None:
        self._loaded = loaded
        self._environment = environment

    def path(self, name: str) -> Path:
        """A file that is named, relative to the configuration."""
        return self._loaded.file(name)

    def content(self, name: str, place: Place, most_bytes: int = 16 << 20) -> bytes:
        """What is in a file.

        Raises:
            ConfigurationError: it cannot be read.
        """
        try:
            return read_whole(self.path(name), most_bytes, "the file")
        except DurwanError as error:
            raise self.fault(place, str(error)) from None

    def secret(self, source: SecretSource, place: Place) -> Secret:
        """A secret, of 16 bytes or more.

        Raises:
            ConfigurationError: it is not where it should be, is open to others, or is too short to be one.
        """
        try:
            found = self._found(source)
        except DurwanError as error:
            raise self.fault(place, str(error)) from None
        if len(found) < _LEAST_SECRET:
            problem = "is empty or not there" if not found else f"is shorter than {_LEAST_SECRET} bytes"
            raise self.fault(place, f"the secret in {source} {problem}")
        return Secret(found)

    def key_bytes(self, source: SecretSource, place: Place) -> bytes:
        """A key of 32 bytes, written in hex or base64.

        Raises:
            ConfigurationError: as `secret`, or it is none.
        """
        text = self.secret(source, place).reveal()
        try:
            found = bytes.fromhex(text.decode("ascii")) if len(text) == 64 else base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            found = b""
        if len(found) != 32:
            raise self.fault(place, "it is not 32 bytes in hex or base64: openssl rand -base64 32 makes some")
        return found

    def sealing_key(self) -> SealingKey:
        """The sealing key of the secrets file: where the configuration says, else as for `durwan keys`.

        Raises:
            DurwanError: there is none.
        """
        source = self._loaded.configuration.keys.sealing_key
        if source is None:
            return sealing_key(self._environment)
        if source.file is not None:
            return sealing_key({FILE_VARIABLE: str(self.path(source.file))})
        return sealing_key({VARIABLE: self._environment.get(source.variable or "", "")})

    def fault(self, place: Place, problem: str) -> ConfigurationError:
        """What to raise where something that is named cannot be used."""
        name = ".".join(map(str, place))
        return ConfigurationError([mistakes.unresolved(self._loaded.places.value(place), name, problem)])

    def _found(self, source: SecretSource) -> bytes:
        if source.file is not None:
            return read_private(self.path(source.file), _MOST_BYTES, "the secret").strip(b"\r\n")
        return self._environment.get(source.variable or "", "").encode("utf-8", "surrogateescape")


__all__ = ["Resolver"]
