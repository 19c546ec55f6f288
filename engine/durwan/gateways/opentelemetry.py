"""Metrics for OpenTelemetry, which are sent: the embedder sets up where to, by a meter provider of its SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from durwan.errors import DurwanError
from durwan.gateways.answer import Answer
from durwan.gateways.metrics import BOUNDS, OTHER, PARTS, READINGS, Reading, Sources, Vocabularies

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

_PREFIX: Final = "durwan."


class OpenTelemetryNotInstalledError(DurwanError):
    """The package is missing through which OpenTelemetry is spoken to."""

    def __init__(self) -> None:
        super().__init__("metrics for OpenTelemetry need the extra `otel`: pip install 'durwan[otel]'")


class OpenTelemetryMetrics:
    """Hands numbers to OpenTelemetry. See `durwan.gateways.metrics.Metrics`.

    Args:
        sources: what gauges are read from.
        provider: where they go; the one that the process has set up if left out. Make it after a fork.

    Raises:
        OpenTelemetryNotInstalledError: the extra is missing.
    """

    def __init__(self, sources: Sources, provider: MeterProvider | None = None) -> None:
        try:
            from opentelemetry import metrics  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise OpenTelemetryNotInstalledError from error
        meter = metrics.get_meter("durwan", meter_provider=provider)
        self._vocabularies = Vocabularies(sources.engine)
        self._answers = meter.create_counter(_PREFIX + "answers", description="Answers given.")
        self._times = meter.create_histogram(
            _PREFIX + "answer.duration",
            unit="s",
            description="From a request to its answer.",
            explicit_bucket_boundaries_advisory=BOUNDS,
        )
        self._used_up = meter.create_counter(_PREFIX + "limits.used_up", description="Requests that a limit refused.")
        self._failures = meter.create_counter(
            _PREFIX + "store.failures", description="Times that the store could not be asked, and it went on."
        )
        for reading in READINGS:
            _observe(meter, reading, sources)

    def answered(self, answer: Answer, seconds: float) -> None:
        """See `Metrics`."""
        try:
            vocabulary = self._vocabularies.now()
            labels, limit = vocabulary.labels(answer), vocabulary.used_up(answer)
            self._answers.add(1, labels._asdict())
            self._times.record(seconds, {"effect": labels.effect})
            if limit is not None:
                self._used_up.add(1, {"limit": limit})
        except Exception:  # noqa: BLE001 - no answer is held up by its being counted
            return

    def failed(self, part: str) -> None:
        """See `Metrics`."""
        self._failures.add(1, {"part": part if part in PARTS else OTHER})

    def exposition(self) -> tuple[bytes, str]:
        """Nothing: the numbers are sent."""
        return b"", "text/plain; charset=utf-8"


def _observe(meter: Meter, reading: Reading, sources: Sources) -> None:
    name = _PREFIX + reading.name.removesuffix("_seconds").replace("_", ".", 1)
    create = meter.create_observable_counter if reading.kind == "counter" else meter.create_observable_gauge
    create(name, callbacks=[_reader(reading, sources)], unit=reading.unit, description=reading.meaning)


def _reader(reading: Reading, sources: Sources) -> Callable[[CallbackOptions], Iterable[Observation]]:
    from opentelemetry.metrics import Observation  # noqa: PLC0415 - an extra

    return lambda _: [Observation(value, labels) for labels, value in reading.values(sources)]


__all__ = ["OpenTelemetryMetrics", "OpenTelemetryNotInstalledError"]
