"""fishvoiced: the daemon that keeps a Fish Speech voice warm on an ordinary CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fishvoiced.version import __version__

if TYPE_CHECKING:
    from fishvoiced.optimizer import UniversalFishSpeechOptimizer

__all__ = ["UniversalFishSpeechOptimizer", "__version__"]


def __getattr__(name: str) -> Any:
    # Lazy: `import fishvoiced` must not pull in onnxruntime.
    if name == "UniversalFishSpeechOptimizer":
        from fishvoiced.optimizer import UniversalFishSpeechOptimizer

        return UniversalFishSpeechOptimizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
