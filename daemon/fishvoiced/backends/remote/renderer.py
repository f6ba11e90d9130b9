"""One request to a remote voice: segments asked for one after the other, their sound passed on as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator

from fishvoiced.backends.remote.download import Answer, Arrival, Broken, Download, End, Refused, Request
from fishvoiced.backends.remote.sound import PcmDecoder, RemoteVoiceError
from fishvoiced.errors import VoiceUnavailable
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Rendering, Traits, Waiting
from fishvoiced.synthesis.said import said
from fishvoiced.text.lines import Line

MAX_SEGMENT_CHARACTERS = 600
"""Of one request to the server: what is lost if it fails in the middle, and how much it may need to hear ahead."""
ATTEMPTS = 3
PAUSES = (0.3, 1.0)  # before the second and the third attempt, if the server does not ask for another
LONGEST_PAUSE = 5.0
FIRST_LOOK, LONGEST_LOOK = 0.005, 0.04  # seconds between two looks whether something has come
SLOWEST_CHARACTERS_PER_SECOND = 3.0
SPARE_SECONDS = 20.0
"""Sound beyond the text at the slowest pace plus this is endless, and is cut off."""


class RemoteRenderer:
    """See :class:`fishvoiced.synthesis.base.Renderer`. ``ask`` makes the request for a text; it raises
    VoiceUnavailable where the settings make none."""

    def __init__(self, ask: Callable[[str], Request], sample_rate: int, language: str = "en") -> None:
        self._ask = ask
        self._traits = Traits(sample_rate, None, MAX_SEGMENT_CHARACTERS, on_this_cpu=False, language=language)

    @property
    def traits(self) -> Traits:
        return self._traits

    def prepare(self) -> Iterator[None]:
        return iter(())

    def render(self, index: int, line: Line) -> Rendering:
        """Raises VoiceUnavailable if no byte came, RemoteVoiceError if it broke off or was no sound."""
        text = said(line, self.traits)
        request = self._ask(text)
        for attempt in range(1, ATTEMPTS + 1):
            refused = yield from self._attempt(request, text)
            if refused is None:
                return
            if not refused.again or attempt == ATTEMPTS:
                raise VoiceUnavailable(refused.reason)
            pause = PAUSES[attempt - 1] if refused.seconds is None else refused.seconds
            if pause > LONGEST_PAUSE:
                raise VoiceUnavailable(f"{refused.reason}; it asks to wait {pause:g} s")
            yield from _rest(pause)

    def _attempt(self, request: Request, text: str) -> Generator[Samples | Waiting, None, Refused | None]:
        """One request; what refused it, None if it was spoken to its end."""
        download = Download(request)
        try:
            head = yield from _next(download)
            if not isinstance(head, Answer):
                return head if isinstance(head, Refused) else Refused("the server sent nothing", again=True)
            return (yield from self._listen(download, head, text))
        finally:
            download.close()

    def _listen(
        self, download: Download, head: Answer, text: str
    ) -> Generator[Samples | Waiting, None, Refused | None]:
        heard, most = 0, self._most_samples(text)
        try:
            decoder = PcmDecoder(head.content_type, self._traits.sample_rate)
            while not isinstance(arrival := (yield from _next(download)), End):
                if isinstance(arrival, Broken):
                    raise RemoteVoiceError(arrival.reason)
                assert isinstance(arrival, bytes), arrival  # nothing else comes behind an answer's head
                samples = decoder.decode(arrival)
                heard += len(samples)
                if heard > most:
                    raise RemoteVoiceError("the server does not stop: its sound is much longer than the text")
                if len(samples):
                    yield samples
            if not heard:
                raise RemoteVoiceError("the server sent no sound")
        except RemoteVoiceError as error:
            if heard:
                raise
            return Refused(str(error), again=False)
        return None

    def _most_samples(self, text: str) -> int:
        seconds = SPARE_SECONDS + len(text) / SLOWEST_CHARACTERS_PER_SECOND
        return round(seconds * self._traits.sample_rate)


def _next(download: Download) -> Generator[Waiting, None, Arrival]:
    look = FIRST_LOOK
    while (arrival := download.poll()) is None:
        yield Waiting(look)
        look = min(2 * look, LONGEST_LOOK)
    return arrival


def _rest(seconds: float) -> Iterator[Waiting]:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        yield Waiting(min(left, LONGEST_LOOK))
