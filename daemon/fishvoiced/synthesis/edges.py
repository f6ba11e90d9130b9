"""Where speech begins and ends in a stretch of sound, and seams between two stretches. Pure."""

from __future__ import annotations

import numpy as np

from fishvoiced.synthesis.audio import Samples

FLOOR = 0.002
"""Root mean square below which a voice that speaks at 0.08 is not heard."""
BLOCK_SECONDS = 0.005
RELEASE_SECONDS = 0.02
"""Kept behind the last audible block: the sound's own decay."""
SEARCH_SECONDS = 0.006
"""How far a seam may be moved: more than half a period of a low voice."""


def audible(samples: Samples, rate: int) -> tuple[int, int]:
    """[start, end) of what is heard of ``samples``; empty if nothing is."""
    block = round(BLOCK_SECONDS * rate)
    whole = samples[: len(samples) // block * block].reshape(-1, block)
    heard = np.flatnonzero(np.square(whole).mean(axis=1) > FLOOR**2)
    if not len(heard):
        return 0, 0
    return int(heard[0]) * block, min(len(samples), (int(heard[-1]) + 1) * block + round(RELEASE_SECONDS * rate))


def joined(tail: Samples, head: Samples, rate: int) -> Samples:
    """``tail`` faded into the beginning of ``head``, which is moved to where the two are most alike."""
    size, search = len(tail), round(SEARCH_SECONDS * rate)
    if len(head) < size + search or not size:
        return np.concatenate([tail, head])
    likeness = np.correlate(head[: size + search], tail)
    energy = np.convolve(np.square(head[: size + search]), np.ones(size), "valid")
    place = int(np.argmax(likeness / np.sqrt(np.maximum(energy, 1e-9))))
    rise = (np.sin(np.pi / 2 * (np.arange(size) + 0.5) / size) ** 2).astype(np.float32)
    seam = tail + (head[place : place + size] - tail) * rise
    return np.concatenate([seam, head[place + size :]])
