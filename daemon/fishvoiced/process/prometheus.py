"""A Prometheus endpoint on loopback; prometheus-client's only door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from fishvoiced.errors import MissingExtra

if TYPE_CHECKING:
    from prometheus_client.core import Metric


def serve_metrics(port: int, refresh: Callable[[], dict[str, Any]]) -> None:
    """A Prometheus endpoint on 127.0.0.1, in a thread of its own. Raises MissingExtra, OSError."""
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise MissingExtra("metrics", "the Prometheus endpoint") from error
    registry = CollectorRegistry()
    registry.register(_Collector(refresh))
    start_http_server(port, addr="127.0.0.1", registry=registry)


class _Collector:
    """The status map as Prometheus' metrics."""

    def __init__(self, refresh: Callable[[], dict[str, Any]]) -> None:
        self._refresh = refresh

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        status = self._refresh()
        if not status:
            return
        requests = CounterMetricFamily("fishvoice_requests", "Requests by how they ended", labels=["outcome"])
        counters = status["counters"]
        for outcome in ("complete", "cancelled", "error", "refused", "vanished"):
            requests.add_metric([outcome], counters[outcome])
        yield requests
        for name in ("bad_messages", "underruns", "rebuilds", "frames", "audio_seconds"):
            yield CounterMetricFamily(f"fishvoice_{name}", f"{name.replace('_', ' ')} since the start", counters[name])
        queue = GaugeMetricFamily("fishvoice_queue", "Requests in the daemon", labels=["state"])
        for state in ("waiting", "active"):
            queue.add_metric([state], status["queue"][state])
        yield queue
        percentiles = GaugeMetricFamily(
            "fishvoice_first_audio_seconds", "Time to first audio of late", labels=["quantile"]
        )
        for name, value in status["first_audio_seconds"].items():
            percentiles.add_metric([name], value)
        yield percentiles
        for name, value in (
            ("fishvoice_rtf", status["rtf"]),
            ("fishvoice_memory_rss_bytes", status["memory"]["rss_bytes"]),
            ("fishvoice_uptime_seconds", status["uptime_seconds"]),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, name.removeprefix("fishvoice_").replace("_", " "), value)
