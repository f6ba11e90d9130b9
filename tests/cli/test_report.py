"""The page about the last hour: it says in words and units what was, and why."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fishvoiced.cli.report import Machine, ReportError, page, verdict, write_report
from fishvoiced.cli.report_plot import MISSING_SECONDS, draw, spans
from fishvoiced.monitor.records.history import HistoryPoint
from fishvoiced.monitor.records.journal import Entry
from fishvoiced.monitor.throttle import Phase

NOON = 1.8e9
HOUR = [
    HistoryPoint(
        NOON + 10 * i, Phase.THROTTLED if i > 240 else Phase.NORMAL, 4, 50 + i / 12, 9.5, 1.0, 0.5 if i else None, i % 3
    )
    for i in range(360)
]
ENTRIES = [
    Entry(NOON + 100, "utterance", "starter", 0.12, 3.5),
    Entry(NOON + 200, "utterance", "s1-mini", 2.5, 10.0),
    Entry(NOON + 2410, "phase", "normal → throttled: throttled 40% of the time"),
]
MACHINE = Machine("A <quiet> notebook", "i5_baseline (Intel Core i5 class)", "starter (onnx, fp16+fp16)")


def picture(text: str) -> ElementTree.Element:
    found = re.search(r"<svg.*</svg>", text, re.DOTALL)
    assert found is not None
    return ElementTree.fromstring(found[0])


def test_the_page_says_what_a_person_wants_to_know(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    write_report(HOUR, ENTRIES, MACHINE, out)
    text = out.read_text("utf-8")
    assert "In 60 minutes 2 utterances were spoken, and for 20 minutes of that it was too hot for full speed." in text
    for said in (
        "A &lt;quiet&gt; notebook; tier i5_baseline",
        "starter (onnx, fp16+fp16)",
        "2, 14 s of sound; starter (1), s1-mini (1)",
        "0.12 to 2.50, median 1.31 (under 1 is faster than it is spoken)",
        "50 to 80, median 65 °C",
        "9.5 to 9.5, median 9.5 W",
        "normal 67%, throttled 33%",
        "normal → throttled: throttled 40% of the time",
        "long, heavy speech takes half of the time only",
    ):
        assert said in text, said
    assert "src=" not in text, "it needs nothing beside itself"


def test_the_picture_has_units_a_legend_and_a_clock() -> None:
    texts = [element.text or "" for element in picture(page(HOUR, ENTRIES, MACHINE)).iter() if element.text]
    for title in (
        "temperature, °C",
        "power, W",
        "RTF per utterance, s of work per s of sound",
        "own speed, % of normal",
    ):
        assert title in texts
    assert "throttled" in texts
    assert "cooldown" not in texts, "a legend of what is shown"
    assert sum(bool(re.fullmatch(r"\d\d:\d\d", text)) for text in texts) >= 4


def test_the_first_minute_is_readable() -> None:
    young = [replace(HOUR[0], at=NOON), replace(HOUR[0], at=NOON + 0.01)]
    drawn = draw(young, [])
    assert sum(bool(re.fullmatch(r"\d\d:\d\d:\d\d", e.text or "")) for e in ElementTree.fromstring(drawn).iter()) >= 5
    assert "nan" not in drawn
    assert "never too hot" in verdict(young, [])


def test_what_was_never_measured_is_said() -> None:
    blind = [HistoryPoint(NOON + i, Phase.BLIND, 2) for i in range(3)]
    text = page(blind, [], Machine("x", "generic"))
    assert text.count("not measured") == 7  # four pictures, three rows of the table
    assert "none: no daemon runs at the moment" in text
    assert "Nothing changed in this time." in text


def test_time_without_a_daemon_is_no_phase() -> None:
    apart = [replace(HOUR[0], at=NOON), replace(HOUR[0], at=NOON + 10), replace(HOUR[0], at=NOON + 5000)]
    assert [(begin - NOON, end - NOON) for begin, end, _ in spans(apart)] == [(0, 10 + MISSING_SECONDS), (5000, 5000)]


@pytest.mark.parametrize(
    ("points", "name", "message"),
    [
        (HOUR, "report.pdf", "an .html file"),
        ([], "report.html", "no history yet: let the daemon run for a minute"),
        (HOUR, "no/such/folder/report.html", "cannot be written"),
    ],
)
def test_what_cannot_be_reported(tmp_path: Path, points: list[HistoryPoint], name: str, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        write_report(points, [], MACHINE, tmp_path / name)
