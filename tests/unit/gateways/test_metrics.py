"""Metrics: what is counted, and that nothing of a request ever tells series apart."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client.parser import text_string_to_metric_families

from durwan import Engine
from durwan.credentials.refusals import CODES, refuse
from durwan.gateways.answer import Answer
from durwan.gateways.metrics import (
    BOUNDS,
    EFFECTS,
    OWN_CODES,
    PARTS,
    READINGS,
    Metrics,
    NoMetrics,
    Sources,
    Vocabulary,
)
from durwan.gateways.opentelemetry import OpenTelemetryMetrics
from durwan.gateways.prometheus import PrometheusMetrics
from tests.gates import GateRig

ROOT = Path(__file__).parents[3]
ORDER = b'{"symbol": "BTC-PERP", "notional": "2500"}'
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True)
class Log:
    """What an audit log says of itself."""

    available: bool = True
    written: int = 7
    lost: int = 1
    waiting: int = 2
    failures: int = 3


class Later:
    """Metrics that are made once there is an engine; the gate is made first."""

    inner: Metrics = NoMetrics()

    def answered(self, answer: Answer, seconds: float) -> None:
        self.inner.answered(answer, seconds)


@dataclass
class Counted:
    """A gate, what counts its answers, and a way to read the counts."""

    rig: GateRig
    metrics: Metrics
    series: Callable[[], Series]


def prometheus_series(metrics: Metrics) -> Series:
    text, kind = metrics.exposition()
    assert kind.startswith("text/plain")
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def otel_series(reader: InMemoryMetricReader) -> Series:
    """The same names as Prometheus has, as an exporter would make them."""
    found: Series = {}
    data: Any = reader.get_metrics_data()
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.data.data_points:
            labels = frozenset((name, str(value)) for name, value in point.attributes.items())
            found[metric.name, labels] = float(point.count if hasattr(point, "count") else point.value)
    return found


@pytest.fixture(params=["prometheus", "otel"])
def counted(request: pytest.FixtureRequest, tmp_path: Path) -> Counted:
    later = Later()
    rig = GateRig(tmp_path, parts={"metrics": later})
    sources = Sources(engine=rig.engine, audit=Log)
    if request.param == "prometheus":
        prometheus = PrometheusMetrics(sources)
        later.inner = prometheus
        return Counted(rig, prometheus, lambda: prometheus_series(prometheus))
    reader = InMemoryMetricReader()
    later.inner = OpenTelemetryMetrics(sources, MeterProvider(metric_readers=[reader]))
    return Counted(rig, later.inner, lambda: otel_series(reader))


def total(series: Series, name: str, **labels: str) -> float:
    """The sum of all series of a name, as either writes it, that have these labels."""
    names = {f"durwan_{name}", f"durwan_{name}_total", f"durwan.{name.replace('_', '.', 1)}"}
    return sum(
        value for (each, found), value in series.items() if each in names and labels.items() <= dict(found).items()
    )


def test_answers_are_counted(counted: Counted) -> None:
    """Each answer counts once, by its effect, its exact code and its action; a limit that was used up by its name."""
    gate, rig = counted.rig.gate, counted.rig
    for _ in range(4):
        gate.admit(rig.signed("POST", "/orders", ORDER))
        rig.clock.now += 1
    gate.admit(rig.request("GET", "/nothing"))
    gate.admit(rig.request("GET", "/orders"))
    series = counted.series()
    assert total(series, "answers") == 6
    assert total(series, "answers", effect="allow", code="allowed", action="orders.create") == 3
    assert total(series, "answers", effect="deny", code="order_rate", action="orders.create") == 1
    assert total(series, "answers", effect="refused", code="route_unknown", action="none") == 1
    assert total(series, "answers", effect="refused", code="credential_missing") == 1
    assert total(series, "limits_used_up", limit="order_rate") == 1


def test_gauges_say_how_things_are(counted: Counted) -> None:
    """The policy, the cache and the audit log are read when somebody asks."""
    counted.metrics.failed("activity")
    counted.metrics.failed("desk-7")
    series = counted.series()
    assert total(series, "ready") == 1
    assert total(series, "policy_info", revision=counted.rig.engine.revision) == 1
    assert total(series, "policy_reloads") == 1
    assert [total(series, f"audit_{name}") for name in ("available", "records", "lost", "waiting", "failures")] == [
        1, 7, 1, 2, 3,
    ]  # fmt: skip
    assert total(series, "store_failures", part="activity") == 1
    assert total(series, "store_failures", part="other") == 1


def test_a_number_that_cannot_be_read_keeps_no_other_back(tmp_path: Path) -> None:
    """An audit log that raises leaves its own numbers out, and no more."""

    def broken() -> Log:
        raise OSError("gone")

    rig = GateRig(tmp_path)
    series = prometheus_series(PrometheusMetrics(Sources(engine=rig.engine, audit=broken)))
    assert total(series, "ready") == 1
    assert not any(name.startswith("durwan_audit") for name, _ in series)


def test_latencies_are_in_buckets_from_microseconds_to_seconds(tmp_path: Path) -> None:
    """Each bucket holds what took at most so long, and the last one everything."""
    metrics = PrometheusMetrics(Sources(engine=GateRig(tmp_path).engine))
    answer = answered("allowed")
    for seconds in (0.000001, 0.00001, 0.0003, 0.3, 60.0):
        metrics.answered(answer, seconds)
    series = prometheus_series(metrics)
    buckets = {dict(labels)["le"]: value for (name, labels), value in series.items() if name.endswith("_bucket")}
    assert (buckets["1e-05"], buckets["0.0005"], buckets["1.0"], buckets["10.0"], buckets["+Inf"]) == (2, 3, 4, 4, 5)
    assert total(series, "answer_seconds_count") == 5
    assert total(series, "answer_seconds_sum") == pytest.approx(60.300311)
    assert list(BOUNDS) == sorted(BOUNDS)


def answered(code: str, action: str | None = "orders.read") -> Answer:
    return Answer(
        allowed=False, status=400, code=code, reason="", decision_id="d", action=action, refusal=refuse("not_ready")
    )


# ------------------------------------------------------------------------------------------------ no identifiers (R61)


def requests(rig: GateRig, random: Random) -> Any:
    """A request of any kind, with a mark in every place that a client fills."""
    mark = f"canary{random.randrange(10**6)}"
    method = random.choice(["GET", "POST", "DELETE", "PUT", "BREW", mark.upper()[:9]])
    target = random.choice(["/orders", f"/orders/{mark}", f"/{mark}", "/status", f"/orders?x={mark}", "//", f"*{mark}"])
    body = random.choice([b"", ORDER, mark.encode(), b'{"symbol": "%s", "notional": "9999999"}' % mark.encode()])
    peer = random.choice(["203.0.113.9", f"198.51.100.{random.randrange(256)}", "2001:db8::1", mark, ""])
    headers = ((b"authorization", b"Bearer " + mark.encode()), (b"x-" + mark.encode(), mark.encode()))
    if random.random() < 0.5 and method in {"GET", "POST", "DELETE", "PUT"} and target.startswith("/"):
        return rig.signed(method, target, body, peer=peer)
    return rig.request(method, target, body, peer=peer, headers=headers if random.random() < 0.5 else ())


def test_labels_are_words_of_the_policy_and_no_others(counted: Counted) -> None:
    """Whatever 1,500 requests of all kinds say, no label has a value that is not declared, so that series are few."""
    random = Random(5)
    rig = counted.rig
    for _ in range(1_500):
        rig.gate.admit(requests(rig, random))
        rig.clock.now += 1
    counted.metrics.failed("canary")
    program = rig.engine.compiled.program
    declared = {
        "effect": set(EFFECTS),
        "code": {rule.code for rule in program.rules} | {"order_rate", "other"} | OWN_CODES | set(CODES),
        "action": program.schema.actions | {"none", "other"},
        "limit": {"order_rate"},
        "part": {*PARTS, "other"},
        "revision": {rig.engine.revision},
        "le": {*map(str, BOUNDS), "+Inf"},
    }
    series = counted.series()
    for _, labels in series:
        for name, value in labels:
            assert value in declared[name]
    assert "canary" not in repr(series).lower()
    assert "desk-7" not in repr(series)
    assert total(series, "answers") == 1_500
    assert len({dict(labels)["code"] for (name, labels) in series if "answers" in name}) >= 8
    assert len(series) < 250


def test_what_is_not_declared_is_other(tmp_path: Path) -> None:
    """A code or an action that the policy does not know, however it came about, is `other`."""
    vocabulary = Vocabulary(GateRig(tmp_path).engine.compiled.program)
    assert vocabulary.labels(answered("203.0.113.9", "/orders/7")) == ("refused", "other", "other")
    assert vocabulary.labels(answered("not_ready", None)) == ("refused", "not_ready", "none")
    assert vocabulary.used_up(answered("order_rate")) is None


def test_a_changed_policy_brings_its_own_words(tmp_path: Path) -> None:
    """After a reload the labels are those of the new policy."""
    file = tmp_path / "a.policy"
    file.write_text("actions { a.b }\nallow all_of_it on *\n")
    with Engine.load(tmp_path) as engine:
        metrics = PrometheusMetrics(Sources(engine=engine))
        metrics.answered(answered("allowed", "c.d"), 0.1)
        file.write_text("actions { c.d }\nallow all_of_it on *\n")
        engine.reload()
        metrics.answered(answered("allowed", "c.d"), 0.1)
        series = prometheus_series(metrics)
    assert total(series, "answers", action="other") == total(series, "answers", action="c.d") == 1
    assert total(series, "policy_reloads") == 2


def test_counting_never_raises(counted: Counted) -> None:
    """What is no answer is not counted, and nobody is held up."""
    counted.metrics.answered(SimpleNamespace(), 0.1)  # type: ignore[arg-type]
    counted.metrics.answered(answered("allowed"), "long")  # type: ignore[arg-type]
    NoMetrics().answered(answered("allowed"), 0.1)
    NoMetrics().failed("activity")
    assert NoMetrics().exposition()[0] == b""


@pytest.mark.parametrize(
    ("module", "made", "blocked", "extra"),
    [
        ("prometheus", "PrometheusMetrics", "prometheus_client", "durwan[prometheus]"),
        ("opentelemetry", "OpenTelemetryMetrics", "opentelemetry", "durwan[otel]"),
    ],
)
def test_a_missing_extra_prints_how_to_install_it(module: str, made: str, blocked: str, extra: str) -> None:
    """Without the package the error says what to install; the module itself is imported without it."""
    program = f"""
import sys
sys.modules[{blocked!r}] = None
from durwan import Engine
from durwan.errors import DurwanError
from durwan.gateways.metrics import Sources
from durwan.gateways.{module} import {made}
engine = Engine.from_sources({{"a.policy": "actions {{ a.b }} allow all_of_it on *"}})
try:
    {made}(Sources(engine=engine))
except DurwanError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert f"pip install '{extra}'" in done.stdout


# ------------------------------------------------------------------------------------------------ dashboard and alerts


def known_names() -> set[str]:
    """All series that Prometheus may be told of."""
    counters = {"answers", "limits_used_up", "store_failures"} | {it.name for it in READINGS if it.kind == "counter"}
    gauges = {it.name for it in READINGS if it.kind == "gauge"}
    histogram = {f"answer_seconds_{part}" for part in ("bucket", "sum", "count")}
    return {f"durwan_{name}_total" for name in counters} | {f"durwan_{name}" for name in gauges | histogram}


def test_the_names_are_those_that_are_written(tmp_path: Path) -> None:
    """The list above is what a gateway with everything writes."""
    rig = GateRig(tmp_path)
    metrics = PrometheusMetrics(Sources(engine=rig.engine, audit=Log))
    metrics.answered(answered("allowed"), 0.1)
    text = metrics.exposition()[0].decode()
    declared = set(re.findall(r"^# TYPE (durwan_\w+)", text, re.MULTILINE))
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) if "answer_seconds" in name else name for name in known_names()}
    assert declared == bases


def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    """The dashboard is one that Grafana loads: panels with ids and places of their own, of metrics that exist."""
    board = json.loads((ROOT / "dashboards" / "durwan.json").read_text(encoding="ascii"))
    panels = board["panels"]
    assert {"title", "uid", "schemaVersion", "templating", "time"} <= board.keys()
    assert len({panel["id"] for panel in panels}) == len(panels)
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    assert len(expressions) > 20
    for expression in [*expressions, *(each["query"]["query"] for each in board["templating"]["list"][1:])]:
        names = set(re.findall(r"durwan_\w+", expression))
        assert names
        assert names <= known_names()
        assert all(expression.count(left) == expression.count(right) for left, right in ("()", "{}", "[]"))
    places = [(y, x) for panel in panels for y, x in _cells(panel["gridPos"])]
    assert len(places) == len(set(places))
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    shown = set(re.findall(r"durwan_\w+", " ".join(expressions)))
    assert known_names() - shown <= {
        "durwan_answer_seconds_sum", "durwan_answer_seconds_count", "durwan_policy_ageing",
        "durwan_policy_expires_timestamp_seconds",
    }  # fmt: skip


def _cells(place: dict[str, int]) -> list[tuple[int, int]]:
    return [(place["y"] + y, place["x"] + x) for y in range(place["h"]) for x in range(place["w"])]


def test_the_alerts_ask_for_metrics_that_exist() -> None:
    """Each alert asks for metrics that exist, says how grave it is and what to do; a wrong cache wakes somebody up."""
    groups = yaml.safe_load((ROOT / "dashboards" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    rules = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    for rule in rules.values():
        assert set(re.findall(r"durwan_\w+", rule["expr"])) <= known_names()
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description"}
    pages = {name for name, rule in rules.items() if rule["labels"]["severity"] == "page"}
    assert {"DurwanCacheDiffers", "DurwanPolicyStale", "DurwanAuditAlarm", "DurwanUnavailable"} <= pages
