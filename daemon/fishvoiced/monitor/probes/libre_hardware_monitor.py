"""LibreHardwareMonitor on Windows, through its local web server (off by default)."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator, Mapping

from fishvoiced.monitor.guard import TIME_LIMIT_SECONDS, ProbeError
from fishvoiced.monitor.reading import Quantity, Reading

_HOST, _PORT, _PATH = "127.0.0.1", 8085, "/data.json"
_HINT = (
    "start LibreHardwareMonitor and switch on Options → Remote Web Server → Run: "
    "https://github.com/LibreHardwareMonitor/LibreHardwareMonitor"
)
_LARGEST = 4 << 20
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_PACKAGE = ("cpu package", "core (tctl/tdie)", "core (tctl)", "core (tdie)", "core max", "package")

Fetch = Callable[[], bytes]


class LibreHardwareMonitor:
    """The CPU package's temperature and power."""

    name = "LibreHardwareMonitor"
    interval_seconds = 0.0

    def __init__(self, fetch: Fetch | None = None) -> None:
        self._fetch = fetch or _fetch

    def read(self, now: float) -> tuple[Reading, ...]:
        try:
            tree = json.loads(self._fetch())
        except ValueError as error:
            raise ProbeError(f"{_HOST}:{_PORT} answered something else than JSON", _HINT) from error
        readings = tuple(parse_tree(tree, now))
        if not readings:
            raise ProbeError("it shows no CPU temperature", "run it as administrator")
        return readings


def parse_tree(tree: object, now: float) -> Iterator[Reading]:
    """The CPU nodes' readings in the web server's tree (before and since release 0.9.5)."""
    for cpu in _nodes(tree, _is_cpu):
        sensors = list(_nodes(cpu, _is_sensor))
        temperatures = [
            (str(node.get("Text", "")), value)
            for node in sensors
            if (value := _value(node, "°")) is not None
            and "distance" not in str(node.get("Text", "")).casefold()  # to TjMax: falls with heat
        ]
        for wanted in _PACKAGE:
            chosen = [(text, value) for text, value in temperatures if text.casefold() == wanted]
            if chosen:
                temperatures = chosen
                break
        if temperatures:
            label, value = max(temperatures, key=lambda pair: pair[1])
            yield Reading(LibreHardwareMonitor.name, Quantity.TEMPERATURE, value, now, label=label)
        for node in sensors:
            watts = _value(node, " W")
            if watts is not None and str(node.get("Text", "")).casefold() in ("cpu package", "package"):
                yield Reading(LibreHardwareMonitor.name, Quantity.POWER, watts, now)


def _nodes(node: object, wanted: Callable[[Mapping[str, object]], bool]) -> Iterator[Mapping[str, object]]:
    if not isinstance(node, Mapping):
        return
    if wanted(node):
        yield node
        return
    children = node.get("Children")
    for child in children if isinstance(children, list) else []:
        yield from _nodes(child, wanted)


def _is_cpu(node: Mapping[str, object]) -> bool:
    return "cpu" in str(node.get("ImageURL", "")).casefold() and bool(node.get("Children"))


def _is_sensor(node: Mapping[str, object]) -> bool:
    return bool(node.get("Value")) and not node.get("Children")


def _value(node: Mapping[str, object], unit: str) -> float | None:
    """The node's number if it carries the unit. ``RawValue`` came with 0.9.5; before that there
    is only the display text in the user's language ("45,0 °C")."""
    shown = str(node.get("Value", ""))
    if unit not in shown:
        return None
    match = _NUMBER.search(str(node.get("RawValue") or shown))
    if match is None:
        return None
    value = float(match[0].replace(",", "."))
    fahrenheit = "°F" in (shown if not node.get("RawValue") else str(node["RawValue"]))
    return (value - 32) / 1.8 if fahrenheit else value


def _fetch() -> bytes:
    connection = http.client.HTTPConnection(_HOST, _PORT, timeout=TIME_LIMIT_SECONDS)
    try:
        connection.request("GET", _PATH)
        return connection.getresponse().read(_LARGEST)
    except (OSError, http.client.HTTPException) as error:
        reason = f"no answer from its web server at {_HOST}:{_PORT}"
        raise ProbeError(reason, _HINT, absent=isinstance(error, ConnectionRefusedError)) from error
    finally:
        connection.close()
