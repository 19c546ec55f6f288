"""Metrics for Prometheus, which comes and asks.

Each worker process is asked by itself, at an address of its own. The client library could add up what several processes
write to shared files; but such files know no revision and no age, keep what dead processes counted, and would have
to be set up before the library is loaded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING, Final

from durwan.errors import DurwanError
from durwan.forking import start_anew_after_fork
from durwan.gateways.answer import Answer
from durwan.gateways.metrics import BOUNDS, OTHER, PARTS, READINGS, Labels, Reading, Sources, Vocabularies

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_PREFIX: Final = "durwan_"


class PrometheusNotInstalledError(DurwanError):
    """The package is missing that writes what Prometheus reads."""

    def __init__(self) -> None:
        super().__init__("metrics for Prometheus need the extra `prometheus`: pip install 'durwan[prometheus]'")


class PrometheusMetrics:
    """Counts in this process, and writes it down when asked. See `durwan.gateways.metrics.Metrics`.

    Args:
        sources: what gauges are read from.

    Raises:
        PrometheusNotInstalledError: the extra is missing.
    """

    def __init__(self, sources: Sources) -> None:
        try:
            import prometheus_client  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise PrometheusNotInstalledError from error
        self._sources = sources
        self._vocabularies = Vocabularies(sources.engine)
        self._registry = prometheus_client.CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self.start_anew()
        start_anew_after_fork(self)

    def start_anew(self) -> None:
        """Counts from nothing: in a child process."""
        self._lock = Lock()
        self._answers: Counter[Labels] = Counter()
        self._used_up: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._times: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS) + 1))
        self._seconds: dict[str, float] = defaultdict(float)

    def answered(self, answer: Answer, seconds: float) -> None:
        """See `Metrics`."""
        try:
            vocabulary = self._vocabularies.now()
            labels, limit = vocabulary.labels(answer), vocabulary.used_up(answer)
            with self._lock:
                self._answers[labels] += 1
                self._times[labels.effect][bisect_left(BOUNDS, seconds)] += 1
                self._seconds[labels.effect] += seconds
                if limit is not None:
                    self._used_up[limit] += 1
        except Exception:  # noqa: BLE001 - no answer is held up by its being counted
            return

    def failed(self, part: str) -> None:
        """See `Metrics`."""
        with self._lock:
            self._failures[part if part in PARTS else OTHER] += 1

    def exposition(self) -> tuple[bytes, str]:
        """See `Metrics`."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415 - an extra

        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def collect(self) -> Iterator[Metric]:
        """All metrics as the client library takes them."""
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily  # noqa: PLC0415 - an extra

        with self._lock:
            answers, used_up, failures = dict(self._answers), dict(self._used_up), dict(self._failures)
            times = {effect: (list(counts), self._seconds[effect]) for effect, counts in self._times.items()}
        counted = CounterMetricFamily(_PREFIX + "answers", "Answers given.", labels=Labels._fields)
        for labels, count in sorted(answers.items()):
            counted.add_metric(labels, count)
        yield counted
        latency = HistogramMetricFamily(_PREFIX + "answer_seconds", "From a request to its answer.", labels=("effect",))
        for effect, (counts, seconds) in sorted(times.items()):
            latency.add_metric((effect,), buckets=_cumulative(counts), sum_value=seconds)
        yield latency
        limits = CounterMetricFamily(_PREFIX + "limits_used_up", "Requests that a limit refused.", labels=("limit",))
        for limit, count in sorted(used_up.items()):
            limits.add_metric((limit,), count)
        yield limits
        stores = CounterMetricFamily(
            _PREFIX + "store_failures", "Times that the store could not be asked, and it went on.", labels=("part",)
        )
        for part in (*PARTS, *sorted(failures.keys() - set(PARTS))):
            stores.add_metric((part,), failures.get(part, 0))
        yield stores
        for reading in READINGS:
            yield _family(reading, self._sources)


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
        total += count
        found.append((bound, total))
    return found


def _family(reading: Reading, sources: Sources) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415 - an extra

    made = CounterMetricFamily if reading.kind == "counter" else GaugeMetricFamily
    family = made(_PREFIX + reading.name, reading.meaning, labels=(reading.label,) if reading.label else ())
    for labels, value in reading.values(sources):
        family.add_metric(tuple(labels.values()), value)
    return family


__all__ = ["PrometheusMetrics", "PrometheusNotInstalledError"]
