"""Voices made from recordings: added and removed by the command that a person uses for it, in a process of its own."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from fishvoice.adapters.openai_http.errors import Refusal

PATIENCE_SECONDS = 300.0  # the encoder of a large model takes a while
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


class ClonedVoices:
    """One change at a time."""

    def __init__(self) -> None:
        self._changing = asyncio.Lock()

    async def add(self, name: str, recording: bytes, text: str, language: str | None = None) -> None:
        """Make the voice ``name`` from ``recording``, whose words are ``text``. Raises Refusal."""
        _check(name)
        if language is not None and not _LANGUAGE.fullmatch(language):
            raise Refusal(400, f"{language!r} is no language, such as en or de-CH", param="language")
        with tempfile.TemporaryDirectory(prefix="fishvoice-") as folder:
            file = Path(folder) / "recording"
            await asyncio.to_thread(file.write_bytes, recording)
            tag = [f"--language={language}"] if language else []
            failure = await self._run("add", name, str(file), f"--text={text}", *tag)
        if failure is not None:
            raise Refusal(400, failure)

    async def remove(self, name: str) -> None:
        """Raises Refusal, 404 where there is no such voice."""
        _check(name)
        failure = await self._run("remove", name)
        if failure is not None:
            raise Refusal(404, failure, code="unknown_voice", param="voice")

    async def _run(self, *arguments: str) -> str | None:
        """None, or why ``fishvoice voices`` has failed."""
        async with self._changing:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "fishvoice", "voices", *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    _, said = await process.communicate()
            except TimeoutError as error:
                raise Refusal(500, f"the voice was not ready after {PATIENCE_SECONDS:g} s") from error
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode == 0:
            return None
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        return last.removeprefix("fishvoice: ") or f"fishvoice voices {arguments[0]} failed"


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Refusal(400, "a voice's name has 1 to 64 letters, digits, - and _", param="name")
