"""The kinds of values that a configuration has, each read from the plain data of YAML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from durwan.model.address import parse_address, parse_network
from durwan.model.values import format_duration, parse_duration

_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,127}", re.ASCII)
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?)*(:[0-9]{1,5})?")
_METHOD: Final = re.compile(r"[A-Z]{3,10}", re.ASCII)
_HEADER: Final = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_LOOPBACK_V4: Final = b"\x7f"
_LOOPBACK_V6: Final = bytes(15) + b"\x01"


class Section(BaseModel):
    """A part of the configuration: nothing in it that is not known, and nothing in it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


def _duration(value: Any) -> Any:
    found = parse_duration(value) if type(value) is str else None
    if value in (0, "0s"):
        return 0
    if found is None or found < 0:
        raise ValueError("a duration such as `30s` or `1h30m`")
    return found


def _network(value: str) -> str:
    if parse_network(value) is None:
        raise ValueError("an address or a network such as `10.0.0.0/8`, without bits beyond its prefix")
    return value


def _host(value: str) -> str:
    if _HOST.fullmatch(value) is None:
        raise ValueError("a host name in lower case, with a port where clients write one: `api.example.com:8443`")
    return value


def _method(value: str) -> str:
    if _METHOD.fullmatch(value) is None:
        raise ValueError("a method in capital letters, such as `GET`")
    return value


def _header(value: str) -> str:
    if _HEADER.fullmatch(value) is None:
        raise ValueError("the name of a header in lower case, such as `x-session`")
    return value


# Milliseconds. Written in the language's own form.
Duration = Annotated[int, BeforeValidator(_duration), PlainSerializer(format_duration)]
Network = Annotated[str, AfterValidator(_network)]
Host = Annotated[str, AfterValidator(_host)]
Method = Annotated[str, AfterValidator(_method)]
Header = Annotated[str, AfterValidator(_header)]
# Relative to the directory of the configuration's file; `reading` makes it so.
File = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(strict=True, ge=1)]
Flag = Annotated[bool, Field(strict=True)]


class SecretSource(Section):
    """Where a secret is: in a file of mode 0600, or in a variable of the environment. Never here."""

    file: File | None = None
    variable: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) is (self.variable is None):
            raise ValueError("`file` or `variable`, one of the two")
        if self.variable is not None and _VARIABLE.fullmatch(self.variable) is None:
            raise ValueError("the name of a variable in capital letters")
        return self

    def __str__(self) -> str:
        return f"the file {self.file}" if self.file is not None else f"the variable {self.variable}"


class Listener(Section):
    """Where connections are accepted: at an address and port, or at a socket in the file system."""

    address: str = ""
    port: int = 0
    path: str = ""

    @property
    def is_private(self) -> bool:
        """Whether nobody on another machine can reach it."""
        if self.path:
            return True
        packed = parse_address(self.address) or b""
        return packed == _LOOPBACK_V6 or (len(packed) == 4 and packed.startswith(_LOOPBACK_V4))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def _listener(value: Any) -> Any:
    if type(value) is not str:
        raise ValueError(_LISTENERS)
    if value.startswith("unix:") and len(value) > len("unix:"):
        return Listener(path=str(Path(value.removeprefix("unix:"))))
    host, _, port = value.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare and bare == host:
        raise ValueError(_LISTENERS)
    if parse_address(bare) is None or not port.isdecimal() or not port.isascii() or int(port) > 65_535:
        raise ValueError(_LISTENERS)
    return Listener(address=bare, port=int(port))


_LISTENERS: Final = "an address and a port, `127.0.0.1:8181` or `[::1]:8181`, or a socket, `unix:/run/durwan.sock`"
Listening = Annotated[Listener, BeforeValidator(_listener), PlainSerializer(str)]

__all__ = [
    "Count", "Duration", "File", "Flag", "Header", "Host", "Listener", "Listening", "Method", "Network",
    "SecretSource", "Section",
]  # fmt: skip
