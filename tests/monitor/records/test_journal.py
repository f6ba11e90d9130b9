"""What happened, kept across restarts."""

from __future__ import annotations

from pathlib import Path

from fishvoiced.monitor.records.journal import Entry, Journal, read_journal


def entry(number: int) -> Entry:
    return Entry(float(number), "utterance", "starter", 0.1, 2.0)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "state" / "heat.jsonl"
    journal = Journal(file)
    journal.flush()
    assert not file.exists(), "nothing to write, nothing written"
    told = Entry(5.0, "phase", "normal → warm: 95 °C, limit 90")
    journal.add(told)
    journal.add(entry(6))
    journal.flush()
    again = Journal(file)
    again.add(entry(7))
    again.flush()
    assert read_journal(file) == (told, entry(6), entry(7))


def test_the_file_stays_small(tmp_path: Path) -> None:
    file = tmp_path / "heat.jsonl"
    journal = Journal(file, capacity=10)
    for number in range(100):
        journal.add(entry(number))
        journal.flush()
        assert len(file.read_bytes().splitlines()) <= 20
    assert read_journal(file)[-10:] == tuple(entry(number) for number in range(90, 100))


def test_damaged_lines_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "heat.jsonl"
    file.write_bytes(b'{"at":1.0,"kind":"phase","text":"x"}\n\xff\xfe\n{"at": "no"}\n{"at":2.0,"ki')
    assert [each.at for each in read_journal(file)] == [1.0]
    assert read_journal(tmp_path / "none") == ()
