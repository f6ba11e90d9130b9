"""The tier table: for each tier the settings to start with and the figures to expect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fishvoiced.hardware.facts import HardwareFacts


class Tier(StrEnum):
    """The eight tiers, and ``generic`` for machines that fit none."""

    INTEL_HIGH_END = "intel_high_end"
    AMD_HIGH_END = "amd_high_end"
    M1_PRO = "m1_pro"
    I5_BASELINE = "i5_baseline"
    M1_AIR = "m1_air"
    INTEL_LOW_END = "intel_low_end"
    AMD_MOBILE = "amd_mobile"
    ARM_SBC = "arm_sbc"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class Expectation:
    """Figures that the project set out with: expected, not measured, for the S1-mini model.

    RTF is seconds of work per second of sound; clip times are seconds of work for clips of 10
    and 30 s. A None was never stated. Any measurement on the machine itself replaces these.
    """

    rtf_before: float | None = None
    rtf_onnx: float | None = None
    rtf_throttled: float | None = None
    clip_10s: float | None = None
    clip_30s: float | None = None

    @property
    def speedup(self) -> float | None:
        """RTF before ÷ RTF with ONNX Runtime; None unless both were stated."""
        if self.rtf_before is None or self.rtf_onnx is None:
            return None
        return self.rtf_before / self.rtf_onnx


@dataclass(frozen=True, slots=True)
class TierProfile:
    """The settings a machine of a tier starts with; the user's configuration overrides each.

    ``lm_precision`` and ``codec_precision`` name what is converted and loaded; ``quantization``
    explains them in words. ``segment_chars`` bounds one segment's length in characters: shorter
    segments cool slow machines between them and bring their first audio sooner.
    """

    tier: Tier
    title: str
    thread_rule: str
    lm_precision: str
    codec_precision: str
    quantization: str
    segment_chars: int
    expected: Expectation
    quality: str
    notes: tuple[str, ...] = ()
    thermal_warning: str | None = None


_FAST_CORES = "one thread per performance core, within affinity and quota"
_ALL_CORES = "one thread per core, within affinity and quota"
_INT4 = "language model: 4-bit weights in blocks of 32; codec: int8 convolutions, last stage fp32"
_INT8 = "language model: 8-bit dynamic; codec: int8 convolutions, last stage fp32"
_FULL = "expected near the fp32 reference: small differences in the codes"
_GOOD = "expected good: 4-bit weights change some codes, hardly a word"

_PROFILES = (
    TierProfile(
        Tier.INTEL_HIGH_END,
        "Intel Core i7/i9 class, desktop or H series",
        _FAST_CORES,
        "int4",
        "int8",
        _INT4,
        300,
        Expectation(rtf_before=12, rtf_onnx=3.0, clip_10s=30, clip_30s=90),
        _GOOD,
        ("memory bandwidth decides: two channels filled count more than one more core",),
    ),
    TierProfile(
        Tier.AMD_HIGH_END,
        "AMD Ryzen 7/9 and Threadripper, desktop",
        _FAST_CORES,
        "int4",
        "int8",
        _INT4,
        300,
        Expectation(rtf_before=10, rtf_onnx=2.5, clip_10s=25, clip_30s=75),
        _GOOD,
        ("the fast AR's weights fit the L3 cache",),
    ),
    TierProfile(
        Tier.M1_PRO,
        "Apple M with a fan (Pro, Max, Ultra, and cooled base chips)",
        _FAST_CORES,
        "int4",
        "int8",
        _INT4,
        300,
        Expectation(rtf_before=12, rtf_onnx=12.0, clip_10s=120, clip_30s=360),
        _GOOD,
        ("the expectation is that of PyTorch on the GPU (MPS); the CPU path should beat it",),
    ),
    TierProfile(
        Tier.I5_BASELINE,
        "Intel Core i5 class, thin i7, Ryzen 3/5 on the desktop",
        _FAST_CORES,
        "int4",
        "int8",
        _INT4,
        240,
        Expectation(rtf_before=24, rtf_onnx=6.0, clip_10s=60, clip_30s=180),
        _GOOD,
        (),
        "thin laptops fall from boost to sustained power after about a minute",
    ),
    TierProfile(
        Tier.M1_AIR,
        "Apple M without a fan",
        _FAST_CORES,
        "int4",
        "int8",
        _INT4,
        200,
        # No figure for 30 s was stated; it is the RTF times thirty.
        Expectation(rtf_before=12, rtf_onnx=12.0, rtf_throttled=20.0, clip_10s=120, clip_30s=360),
        _GOOD,
        ("long texts: pauses between segments keep it from throttling",),
        "no fan: expected to throttle after about 10 minutes of load, losing 40–60 % (10 W → 4 W)",
    ),
    TierProfile(
        Tier.INTEL_LOW_END,
        "Intel Core i3, old i5, Atom class; x86 without AVX2",
        _ALL_CORES,
        "int4",
        "int8",
        _INT4,
        160,
        Expectation(rtf_before=48, rtf_onnx=12.0, clip_10s=120, clip_30s=360),
        _GOOD,
        ("the starter voice answers at once where S1-mini would keep one waiting",),
        "fanless mini computers throttle: watch the temperature",
    ),
    TierProfile(
        Tier.AMD_MOBILE,
        "AMD Ryzen notebook parts",
        _FAST_CORES,
        "int4",
        "int8",
        _INT4,
        240,
        Expectation(rtf_before=40, rtf_onnx=10.0, clip_10s=100, clip_30s=300),
        _GOOD,
        ("recent parts should beat the expectation by far",),
        "notebooks fall from boost to sustained power after about a minute",
    ),
    TierProfile(
        Tier.ARM_SBC,
        "ARM single-board computers",
        _FAST_CORES,
        "int4",
        "int8",
        _INT4,
        120,
        # Stated: RTF 25 and "4 min"; 30 s is the RTF times thirty.
        Expectation(rtf_onnx=25.0, clip_10s=240, clip_30s=750),
        _GOOD,
        ("needs about 2 GB of memory for S1-mini; the starter voice runs in far less",),
        "a heat sink with a fan and a good power supply (5 V, 3–5 A) are needed",
    ),
    TierProfile(
        Tier.GENERIC,
        "any other machine: servers, virtual machines, ARM notebooks",
        _ALL_CORES,
        "int4",
        "int8",
        _INT4,
        240,
        Expectation(),
        _GOOD,
        ("nothing was promised for such machines: calibration tells",),
    ),
)

PROFILES: Mapping[Tier, TierProfile] = MappingProxyType({p.tier: p for p in _PROFILES})


def profile_for(tier: Tier, facts: HardwareFacts | None = None) -> TierProfile:
    """The tier's profile, fitted to this machine where its instruction set asks for it.

    ONNX Runtime's fast 4-bit kernels need AVX2 on x86 and dotprod on ARM; without them the
    8-bit kernels (SSE4.1, plain NEON) are the better choice.
    """
    profile = PROFILES[tier]
    if facts is None or not _lacks_int4_kernels(facts):
        return profile
    missing = "AVX2" if facts.isa.avx2 is False else "dotprod"
    return replace(
        profile,
        lm_precision="int8",
        quantization=_INT8,
        quality=_FULL,
        notes=(*profile.notes, f"no {missing}: 8-bit instead of 4-bit weights"),
    )


def _lacks_int4_kernels(facts: HardwareFacts) -> bool:
    return facts.isa.avx2 is False or facts.isa.dotprod is False
