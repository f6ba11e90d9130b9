"""fishvoice: ask the local voice daemon to speak.

>>> import fishvoice
>>> fishvoice.say("Hello.")                                   # doctest: +SKIP
>>> with fishvoice.Client() as client:                        # doctest: +SKIP
...     for chunk in client.synthesize("Hello.", seed=1):
...         consume(chunk.pcm)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fishvoice.errors import (
    DaemonUnavailable,
    FishvoiceError,
    InvalidRequest,
    PlaybackError,
    ProtocolError,
    RequestFailed,
    UnsupportedVersion,
    UnusableFolder,
)

if TYPE_CHECKING:
    from fishvoice.aio import AsyncClient, AsyncSpeech
    from fishvoice.client import Client
    from fishvoice.playback.say import say
    from fishvoice.speech import Chunk, Speech

# Imported when first used, so that `import fishvoice` costs nothing.
_LAZY = {
    "AsyncClient": "fishvoice.aio",
    "AsyncSpeech": "fishvoice.aio",
    "Chunk": "fishvoice.speech",
    "Client": "fishvoice.client",
    "Speech": "fishvoice.speech",
    "say": "fishvoice.playback.say",
}

__all__ = [
    "AsyncClient",
    "AsyncSpeech",
    "Chunk",
    "Client",
    "DaemonUnavailable",
    "FishvoiceError",
    "InvalidRequest",
    "PlaybackError",
    "ProtocolError",
    "RequestFailed",
    "Speech",
    "UnsupportedVersion",
    "UnusableFolder",
    "__version__",
    "say",
]


def __getattr__(name: str) -> object:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    if name == "__version__":
        from fishvoice.version import VERSION

        return VERSION
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
