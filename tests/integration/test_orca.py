"""Orca reads a dialog: a real screen reader, a real window, no screen."""

from __future__ import annotations

import shutil

import pytest

from fishvoice.adapters.speechd.settings import Settings, voice_settings
from tests.integration.audio_compare import likeness
from tools.harness.desktop import Desktop, eventually, missing

AT_SPI = "/usr/libexec/at-spi-bus-launcher"
DIALOG = "The train to London leaves at noon."
ORCAS_SETTINGS = Settings(rate=2, pitch=10)  # what its defaults, 50 and 5, become
SESSION = f"""
{AT_SPI} --launch-immediately &
sleep 1
orca --debug-file="$HOME/orca.debug" &
for i in $(seq 80); do grep -qs "Speaking.*Screen" "$HOME/orca.debug" && break; sleep 0.25; done
sleep 2.5
echo dialog >"$HOME/orca.stage"
zenity --info --no-wrap --title=Notice --text="{DIALOG}" &
for i in $(seq 160); do grep -qs "London" "$HOME/orca.debug" && break; sleep 0.25; done
sleep 5
xdotool key Return
sleep 1
"""


def test_a_dialog_is_read(speaking_desktop: Desktop) -> None:
    here = speaking_desktop
    absent = missing("orca", "xvfb-run", "dbus-run-session", "zenity", "xdotool")
    if absent:
        pytest.fail(
            f"not installed: {', '.join(absent)}; .ci/integration installs what these tests need", pytrace=False
        )
    (here.folder / "home/.local/share/orca").mkdir(exist_ok=True)
    session = here.folder / "session.sh"
    session.write_text(SESSION)
    shell = shutil.which("sh")
    assert shell is not None
    eventually(lambda: here.microphone.quiet_for(0.3))
    reading = here.start("dbus-run-session", "--", "xvfb-run", "-a", shell, str(session))
    eventually((here.folder / "home/orca.stage").exists, within=40)
    since, before = here.microphone.position, len(here.asked)
    reading.wait(90)
    log = (here.folder / "home/orca.debug").read_text(errors="replace")
    assert DIALOG.split()[1] in log, "Orca has not seen the dialog"
    asked = [each for each in here.asked[before:] if DIALOG in each["text"]]
    assert asked, f"Orca has not read it: {here.asked[before:]}"
    how = voice_settings(ORCAS_SETTINGS, ())
    assert asked[0]["speed"] == how.speed
    assert asked[0]["pitch"] == how.pitch
    alike = likeness(here.direct(**asked[0]), here.microphone.heard(since))
    assert alike.kept >= 0.97, alike  # there is more to hear: its button
