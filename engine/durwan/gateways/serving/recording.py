"""The record of decisions, as a configuration has it."""

from __future__ import annotations

from collections.abc import Callable

from durwan.audit.log import AuditLog
from durwan.audit.masking import Masking
from durwan.audit.settings import Alarm, LogSettings
from durwan.credentials.ed25519 import KeyFileError, private_key_of
from durwan.credentials.kept_files import read_private
from durwan.gateways.logs import Log
from durwan.gateways.serving.configuration import AuditSection
from durwan.gateways.serving.resolving import Resolver

_MOST_KEY = 10_000


def open_record(section: AuditSection, resolver: Resolver, clock: Callable[[], int], log: Log) -> AuditLog:
    """The record, of which this process writes a stream of its own; `log` is told of what goes wrong with it.

    Raises:
        DurwanError: it cannot be used, or was changed.
    """
    key = None if section.key is None else resolver.secret(section.key, ("audit", "key"))
    settings = LogSettings(
        kind=section.kind,
        strict=section.strict,
        masking=Masking(mask=section.mask, hashed=section.hash, key=key),
        origin=section.origin,
        signing_key=_signing_key(section, resolver),
        checkpoints=None if section.checkpoints is None else resolver.path(section.checkpoints),
        clock=clock,
        on_alarm=lambda alarm: _tell(alarm, log),
    )
    return AuditLog(resolver.path(section.directory), settings)


def _signing_key(section: AuditSection, resolver: Resolver) -> object:
    if section.signing_key is None:
        return None
    content = read_private(resolver.path(section.signing_key), _MOST_KEY, "the signing key")
    try:
        return private_key_of(content)
    except KeyFileError as error:
        raise resolver.fault(("audit", "signing_key"), str(error)) from None


def _tell(alarm: Alarm, log: Log) -> None:
    if alarm.kind == "recovered":
        log.event("audit_recovered", problem=alarm.text)
    else:
        log.alarm(f"audit_{alarm.kind}", alarm.text)


__all__ = ["open_record"]
