"""`fishvoiced classify`: flags in, JSON out."""

from __future__ import annotations

import json

import pytest

from fishvoiced.cli.classify import classify_command


@pytest.mark.parametrize(
    ("argv", "tier"),
    [
        (["--brand", "13th Gen Intel(R) Core(TM) i9-13900K"], "intel_high_end"),
        (["--brand", "Apple M2", "--apple-model", "Mac14,2"], "m1_air"),
        (["--brand", "Apple M2", "--apple-model", "Mac14,7"], "m1_pro"),
        (["--brand", "", "--implementer", "0x41", "--part", "0xd0b"], "arm_sbc"),
        (["--implementer", "0x41", "--part", "0xd0c"], "generic"),
        (["--device-tree-model", "Raspberry Pi 4 Model B Rev 1.4"], "arm_sbc"),
        (["--brand", "AMD Ryzen 7 5800X", "--virtual", "--cores", "4"], "generic"),
        (["--brand", "Intel(R) Core(TM) i7-9700K", "--no-avx2"], "intel_low_end"),
        (["--brand", "0000", "--vendor", "GenuineIntel"], "generic"),
    ],
)
def test_classify(argv: list[str], tier: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert classify_command(argv) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["tier"] == tier
    assert 0 < answer["confidence"] < 1
    assert answer["reasons"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "give at least --brand"),
        (["--part", "0xd0b"], "belong together"),
        (["--brand", "x", "--cores", "0"], "expected 1 to 4096"),
        (["--brand", "x", "--implementer", "arm", "--part", "1"], "is no number"),
    ],
)
def test_bad_flags(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        classify_command(argv)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
