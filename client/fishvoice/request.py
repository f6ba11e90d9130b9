"""What a caller may ask for, and the message it becomes."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TypeAlias, TypedDict, Unpack

from fishvoice.errors import InvalidRequest
from fishvoice.protocol import MAX_TEXT_CHARACTERS, Interrupted, Markup, Priority, SampleFormat, Sampling, Synthesize
from fishvoice.version import VERSION

Recording: TypeAlias = bytes | str | PathLike[str]
"""The bytes of a recording (any format libsndfile reads), or the path of one."""


class SpeechOptions(TypedDict, total=False):
    """Options of one request; what is left out takes the daemon's or the voice's own value.

    ``speed`` 0.25 … 4; ``pitch`` 0.5 … 2; ``volume`` 0 … 2; ``temperature`` 0 … 2; ``top_p`` 0 … 1, 0 is greedy;
    ``markup`` "plain" (taken literally), "markdown", "ssml" or "auto" (by what the text looks like);
    ``first_audio_within`` and ``keep_alive`` in seconds; ``credit`` is how many chunks may wait unread; ``to_file``
    says that nobody listens before the end, so that the whole may be made faster at once. More in
    ``docs/protocol.md``, ``synthesize``.
    """

    voice: str | None
    seed: int | None
    speed: float
    reference: Recording | None
    reference_text: str | None
    temperature: float | None
    top_p: float | None
    repetition_penalty: float | None
    format: SampleFormat
    priority: Priority
    interrupted: Interrupted
    first_audio_within: float | None
    fallback_voice: str | None
    keep_alive: float | None
    pitch: float
    volume: float
    markup: Markup
    credit: int
    to_file: bool


def build(request_id: str, text: str, **options: Unpack[SpeechOptions]) -> Synthesize:
    """The message. Raises InvalidRequest for what can be seen here; the daemon checks the rest.

    No text at all together with ``keep_alive`` is a request to load the model, or with 0 to unload it.
    """
    if not text.strip() and (text or options.get("keep_alive") is None):
        raise InvalidRequest("there is no text to speak")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidRequest(
            f"the text has {len(text)} characters; the limit is {MAX_TEXT_CHARACTERS}: send it in several requests"
        )
    given = dict(options) | {"client_version": VERSION}
    reference = given.pop("reference", None)
    sampling = Sampling(
        temperature=options.get("temperature"),
        top_p=options.get("top_p"),
        repetition_penalty=options.get("repetition_penalty"),
    )
    for name in Sampling.__struct_fields__:
        given.pop(name, None)
    try:
        return Synthesize(id=request_id, text=text, sampling=sampling, payload=_recording(reference), **given)  # type: ignore[arg-type]
    except TypeError as error:
        raise InvalidRequest(f"there is no such option: {error}") from error


def _recording(reference: object) -> bytes | None:
    if reference is None or isinstance(reference, bytes):
        return reference
    if not isinstance(reference, str | PathLike):
        raise InvalidRequest(f"a reference is a path or the bytes of a recording, not {type(reference).__name__}")
    try:
        return Path(reference).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"cannot read the reference recording {reference}: {error.strerror}") from error
