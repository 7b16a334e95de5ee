"""The status document as metrics, in Prometheus' text format or as OpenMetrics. The names are part of what the project promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS_TYPE
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector, CollectorRegistry

from fcgipm.report.latency import EDGES

JSON = Mapping[str, Any]

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

EVERY = 8
"""Edges of the histogram that are exported: each is 2.1 times the one before, 23 from 21 µs to 10 minutes."""

_POOL = ["pool"]


class Exposition(Collector):
    """One document."""

    def __init__(self, status: JSON) -> None:
        self.status = status
        self.pools: Mapping[str, JSON] = status["pools"]

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        yield from self._daemon()
        yield from self._workers()
        yield from self._requests()
        yield self._durations()

    def _daemon(self) -> Iterator[Metric]:
        status = self.status
        yield _gauge("fcgipm_build_info", "The version that runs.", ["version"], [([status["version"]], 1)])
        started = datetime.fromisoformat(status["started_at"]).timestamp()
        yield _gauge("fcgipm_start_time_seconds", "When the daemon started, seconds since 1970.", [], [([], started)])
        reloads = [pool["last_reload"]["ok"] for pool in self.pools.values() if pool["last_reload"] is not None]
        yield _gauge("fcgipm_config_last_reload_successful", "1 unless the last reload of a pool failed.", [], [([], float(all(reloads)))])
        lag = status["loop_lag_seconds"]
        yield _gauge("fcgipm_loop_lag_seconds", "How late the master woke up, the last time that it was to.", [], [([], lag)])

    def _workers(self) -> Iterator[Metric]:
        states = ("idle", "busy", "starting", "stopping")
        counts = [([name, state], pool["workers"][state]) for name, pool in self.pools.items() for state in states]
        yield _gauge("fcgipm_workers", "Workers by what they do.", ["pool", "state"], counts)
        yield _gauge("fcgipm_workers_max", "Workers that there may be.", _POOL, self._each(lambda pool: pool["workers"]["max"]))
        yield _gauge("fcgipm_pool_utilization_ratio", "Busy workers, of those that there may be.", _POOL, self._each(_utilization))
        yield from self._queues()
        memory = [([name], pool["memory"]["pss_bytes"]) for name, pool in self.pools.items() if pool["memory"]["pss_bytes"] is not None]
        yield _gauge("fcgipm_memory_pss_bytes", "Memory of the workers, what is shared counted once.", _POOL, memory)
        exits = [([name, reason], count) for name, pool in self.pools.items() for reason, count in pool["exits"].items()]
        yield _counter("fcgipm_worker_exits", "Workers that ended, by reason.", ["pool", "reason"], exits)

    def _queues(self) -> Iterator[Metric]:
        for metric, key, text in (
            ("fcgipm_listen_queue", "queue", "Connections that wait to be accepted."),
            ("fcgipm_listen_queue_limit", "queue_max", "Connections that may wait."),
        ):
            values = [
                ([name, listener["address"]], listener[key])
                for name, pool in self.pools.items()
                for listener in pool["listen"]
                if listener[key] is not None
            ]
            yield _gauge(metric, text, ["pool", "address"], values)

    def _requests(self) -> Iterator[Metric]:
        classes = [([name, kind], count) for name, pool in self.pools.items() for kind, count in pool["requests"]["by_class"].items()]
        yield _counter("fcgipm_requests", "Requests that ended, by the class of their status.", ["pool", "class"], classes)
        for key, text in (
            ("failed", "Requests that ended in a 5xx, an exception, or were cut short."),
            ("slow", "Requests that took longer than the slow log wants."),
            ("timed_out", "Requests that reached their time-out."),
            ("aborted", "Requests whose client left."),
        ):
            yield _counter(f"fcgipm_requests_{key}", text, _POOL, self._each(lambda pool, key=key: pool["requests"][key]))

    def _durations(self) -> Metric:
        metric = HistogramMetricFamily("fcgipm_request_duration_seconds", "How long requests took, until the worker was free again.", labels=_POOL)
        for name, pool in self.pools.items():
            if pool["requests"]["total"] is None:
                continue
            histogram = pool["latency_histogram"]
            metric.add_metric([name], _buckets(histogram["buckets"]), histogram["sum_seconds"])
        return metric

    def _each(self, value: Any) -> list[tuple[list[str], float]]:
        return [([name], known) for name, pool in self.pools.items() if (known := value(pool)) is not None]


def exposition(status: JSON, accept: str) -> tuple[str, bytes]:
    """Content type and body, as OpenMetrics where `accept` asks for it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Exposition(status))
    if "application/openmetrics-text" in accept:
        return OPENMETRICS_TYPE, generate_openmetrics(registry)  # type: ignore[no-untyped-call]
    return TEXT_TYPE, generate_latest(registry)


def _buckets(counts: list[int]) -> list[tuple[str, float]]:
    buckets, total = [], 0
    for index, count in enumerate(counts):
        total += count
        if index < len(EDGES) and index % EVERY == EVERY - 1:
            buckets.append((f"{EDGES[index]:.9g}", float(total)))
    return [*buckets, ("+Inf", float(total))]


def _utilization(pool: JSON) -> float:
    workers = pool["workers"]
    return float(workers["busy"] / workers["max"]) if workers["max"] else 0.0


def _gauge(name: str, text: str, labels: list[str], values: list[tuple[list[str], Any]]) -> Metric:
    return _filled(GaugeMetricFamily(name, text, labels=labels), values)


def _counter(name: str, text: str, labels: list[str], values: list[tuple[list[str], Any]]) -> Metric:
    return _filled(CounterMetricFamily(name, text, labels=labels), values)


def _filled(metric: Any, values: list[tuple[list[str], Any]]) -> Metric:
    for labels, value in values:
        metric.add_metric(labels, value)
    assert isinstance(metric, Metric)
    return metric
