"""The protocol: what is written down, what goes round, and what comes out of garbage."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishvoice import protocol
from fishvoice.errors import ProtocolError, UnsupportedVersion
from fishvoice.protocol import (
    AnyMessage,
    AudioChunk,
    AudioEnd,
    AudioStart,
    Cancel,
    Credit,
    Error,
    Metrics,
    Ok,
    Predicted,
    Sampling,
    SegmentError,
    Shutdown,
    Status,
    StatusReply,
    Synthesize,
    VoiceInfo,
    Voices,
    VoicesReply,
    Waiting,
    WordTime,
    decode,
    encode,
)

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
MESSAGES: dict[str, Any] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyMessage)}
MAPS = {"sampling": Sampling, "predicted": Predicted, "metrics": Metrics, "each voice": VoiceInfo}

# -- the document ------------------------------------------------------------------------------------------


def documented_tables() -> dict[str, list[tuple[str, str]]]:
    """Field tables by the heading or the paragraph before them: [(field, default), …]."""
    tables: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for line in DOCUMENT.splitlines():
        if heading := re.match(r"### `(\w+)`$", line):
            name = heading[1]
        elif paragraph := re.match(r"`?(\w+(?: \w+)?)`?, a map", line):
            name = paragraph[1].lower()
        elif row := re.match(r"\| `(\w+)` \| [^|]+ \| ([^|]+) \| [^|]*\|$", line):
            tables.setdefault(name, []).append((row[1], row[2].strip()))
    return tables


def default_of(field: msgspec.inspect.Field | msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else ()
    if isinstance(value, msgspec.Struct):
        return "{}"
    return {"null": "nil"}.get(text := json.dumps(value), text)


def fields_of(kind: Any) -> list[tuple[str, str]]:
    return [(field.name, default_of(field)) for field in msgspec.structs.fields(kind) if field.name != "payload"]


def test_every_field_and_default_is_documented() -> None:
    tables = documented_tables()
    for name, kind in {**MESSAGES, **MAPS}.items():
        assert sorted(tables.get(name, [])) == sorted(fields_of(kind)), name


def examples() -> list[tuple[str, bytes, bytes | None]]:
    found = []
    for block in re.findall(r"```message\n(.*?)```", DOCUMENT, re.DOTALL):
        shown, header, *rest = block.strip().splitlines()
        payload = bytes.fromhex(rest[0].removeprefix("payload ")) if rest else None
        found.append((shown, bytes.fromhex(header), payload))
    return found


@pytest.mark.parametrize(("shown", "header", "payload"), examples(), ids=lambda value: str(value)[:40])
def test_examples_are_what_the_code_sends(shown: str, header: bytes, payload: bytes | None) -> None:
    frames = [header] if payload is None else [header, payload]
    assert msgpack.unpackb(header) == json.loads(shown)
    assert encode(decode(frames)) == frames


def test_every_message_has_an_example() -> None:
    assert {json.loads(shown)["type"] for shown, _, _ in examples()} == set(MESSAGES)


def test_limits_are_documented() -> None:
    assert protocol.MAX_HEADER_BYTES == 1 << 20
    assert "at most 1 MiB" in DOCUMENT
    assert protocol.MAX_PAYLOAD_BYTES == 64 << 20
    assert "at most 64 MiB" in DOCUMENT
    assert protocol.MAX_TEXT_CHARACTERS == 100_000
    assert "100 000 characters" in DOCUMENT
    assert f"version {protocol.VERSION}\n" in DOCUMENT.splitlines(keepends=True)[0]


# -- round trips -------------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=50)
name = st.text(st.characters(codec="ascii"), min_size=1, max_size=64)
real = st.floats(allow_nan=False)
maybe = st.none() | real
count = st.integers(0, 2**40)
payload = st.binary(max_size=64)
credit = st.integers(1, protocol.MAX_CREDIT)
formats = st.sampled_from(["s16le", "f32le"])

messages: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        Synthesize,
        id=name,
        text=text,
        voice=st.none() | text,
        seed=st.none() | count,
        pitch=real,
        volume=real,
        sampling=st.builds(Sampling, temperature=maybe, top_p=maybe, repetition_penalty=maybe),
        format=formats,
        speed=real,
        priority=st.sampled_from(get_args(protocol.Priority)),
        interrupted=st.sampled_from(["drop", "resume"]),
        credit=credit,
        first_audio_within=maybe,
        fallback_voice=st.none() | text,
        keep_alive=maybe,
        reference_text=st.none() | text,
        payload=st.none() | payload,
    ),
    st.builds(Credit, id=name, chunks=credit, underruns=count),
    st.builds(Cancel, id=st.none() | name, client=st.none() | name),
    st.builds(Status),
    st.builds(Voices),
    st.builds(Shutdown, drain=st.booleans()),
    st.builds(
        AudioStart,
        id=name,
        sample_rate=count,
        format=formats,
        voice=text,
        channels=count,
        predicted=st.builds(Predicted, first_audio_seconds=maybe, rtf=maybe, audio_seconds=maybe),
        notice=st.none() | text,
    ),
    st.builds(Waiting, id=name, reason=st.sampled_from(get_args(protocol.WaitingReason)), seconds=maybe, at_most=maybe),
    st.builds(
        AudioChunk,
        id=name,
        index=count,
        segment=count,
        text_start=count,
        text_end=count,
        throttled=st.none() | text,
        words=st.lists(st.builds(WordTime, count, count, real), max_size=3).map(tuple),
        payload=payload,
    ),
    st.builds(
        AudioEnd,
        id=name,
        finish_reason=st.sampled_from(get_args(protocol.FinishReason)),
        metrics=st.builds(
            Metrics,
            frames=count,
            audio_seconds=real,
            rtf=maybe,
            segment_errors=st.lists(
                st.builds(SegmentError, segment=count, text_start=count, text_end=count, message=text), max_size=3
            ).map(tuple),
        ),
        notice=st.none() | text,
    ),
    st.builds(Error, code=text, message=text, id=st.none() | name, retry_after=maybe),
    st.builds(Ok, cancelled=count),
    st.builds(StatusReply, status=st.dictionaries(text, st.none() | count | text | real, max_size=5)),
    st.builds(
        VoicesReply,
        voices=st.lists(st.builds(VoiceInfo, name=text, clones=st.booleans(), sample_rate=st.none() | count)).map(
            tuple
        ),
    ),
)


@given(messages)
def test_round_trip(message: Any) -> None:
    assert decode(encode(message)) == message


@given(messages, st.dictionaries(text.map(lambda key: "x-" + key), st.none() | count | text, max_size=4))
def test_unknown_fields_are_ignored(message: Any, extra: dict[str, Any]) -> None:
    header, *rest = encode(message)
    fields = msgpack.unpackb(header)
    assert decode([msgpack.packb({**extra, **fields}), *rest]) == message


@given(messages, st.integers() | st.none() | text)
def test_other_versions_are_refused(message: Any, version: object) -> None:
    header, *rest = encode(message)
    fields = msgpack.unpackb(header)
    if version == protocol.VERSION or (isinstance(version, int) and not -(2**63) <= version < 2**64):
        return
    with pytest.raises(UnsupportedVersion) as refused:
        decode([msgpack.packb({**fields, "v": version}), *rest])
    assert "version 1" in str(refused.value)


# -- garbage -----------------------------------------------------------------------------------------------


def survives(frames: list[bytes]) -> None:
    """What is no message is a ProtocolError and nothing else; what is one can be sent again."""
    try:
        message = decode(frames)
    except ProtocolError:
        return
    assert type(message) in MESSAGES.values()


@given(st.lists(st.binary(max_size=200), max_size=4))
@settings(max_examples=500)
def test_random_frames(frames: list[bytes]) -> None:
    survives(frames)


@given(messages, st.data())
@settings(max_examples=500)
def test_mutated_frames(message: Any, data: st.DataObject) -> None:
    header, *rest = encode(message)
    mutated = bytearray(header)
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.integers(0, len(mutated) - 1))
        mutated[where] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(mutated)))
    survives([bytes(mutated), *rest])
    survives([bytes(mutated[:end]), *rest])


def test_deep_nesting_is_no_message() -> None:
    survives([b"\x81\xa1v" + b"\x91" * 100_000 + b"\xc0"])
    with pytest.raises(ProtocolError):
        decode([b"\x91" * 100_000 + b"\xc0"])


def test_sizes_are_limited() -> None:
    with pytest.raises(ProtocolError, match="limit is 1048576"):
        encode(Synthesize("a", "x" * 2_000_000))
    with pytest.raises(ProtocolError, match="limit is 1048576"):
        decode([b"\xc0" * 2_000_000])
    with pytest.raises(ProtocolError, match="payload"):
        encode(Synthesize("a", "x", payload=bytes(protocol.MAX_PAYLOAD_BYTES + 1)))
    with pytest.raises(ProtocolError, match="one or two frames"):
        decode([b"", b"", b""])


def test_text_that_is_no_unicode_is_an_error_of_ours() -> None:
    with pytest.raises(ProtocolError, match="msgpack"):
        encode(Synthesize("a", "\ud800"))


@pytest.mark.parametrize("bad", [{"id": ""}, {"id": "x" * 65}, {"credit": 0}, {"credit": 1025}, {"speed": "fast"}])
def test_values_out_of_range_are_no_message(bad: dict[str, object]) -> None:
    fields = {"v": 1, "type": "synthesize", "id": "a", "text": "x", **bad}
    with pytest.raises(ProtocolError):
        decode([msgpack.packb(fields)])
