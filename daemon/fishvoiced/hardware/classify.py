"""classify(): facts → tier, confidence and reasons; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fishvoiced.hardware.apple_models import fanless
from fishvoiced.hardware.arm_parts import PartKind, is_board, part_kind, part_name
from fishvoiced.hardware.facts import HardwareFacts
from fishvoiced.hardware.tiers import Tier

# Confidence: the share of such machines for which the tier is right, as far as one can tell.
CERTAIN = 0.95
LIKELY = 0.8
FAIR = 0.6
GUESS = 0.3


@dataclass(frozen=True, slots=True)
class Classification:
    """A tier, how sure that is (0–1) and why, in sentences for people."""

    tier: Tier
    confidence: float
    reasons: tuple[str, ...]


def classify(facts: HardwareFacts) -> Classification:
    """Put a machine into a tier. Pure; never raises: an unknown machine is ``generic``."""
    rule = _RULES.get(facts.vendor, _unknown)
    if facts.virtualized or facts.name.virtual:
        whole = _virtual(facts)
        if whole is not None:
            return whole
        guess = rule(facts)
        return Classification(
            guess.tier,
            min(guess.confidence, FAIR),
            (*guess.reasons, "runs under WSL, which shares the whole machine with Windows"),
        )
    if facts.vendor not in _RULES and (facts.arm_parts or facts.board_model):
        rule = _arm
    if facts.vendor in ("intel", "amd") and facts.isa.avx2 is False and not _is_server(facts):
        return Classification(Tier.INTEL_LOW_END, LIKELY, (_named(facts), "no AVX2: only the slow kernels run"))
    return rule(facts)


def _virtual(facts: HardwareFacts) -> Classification | None:
    """Generic, unless the hypervisor is WSL with a real CPU behind it (None)."""
    if facts.virtualization == "wsl" and not facts.name.virtual:
        return None
    return _generic(facts, LIKELY, "a virtual machine: what it really gets must be measured")


def _is_server(facts: HardwareFacts) -> bool:
    return facts.family in ("Xeon", "EPYC", "Opteron", "Instinct")


def _named(facts: HardwareFacts) -> str:
    name = facts.name
    # The vendor's own way of writing: "Core i7-12700H" but "Ryzen 7 5800X".
    joint = "-" if name.family.startswith("Core i") and len(name.number) > 3 else " "
    model = f"{name.number}{' ' if name.vendor == 'apple' else ''}{name.suffix}".strip()
    if name.vendor == "apple":
        joint = ""
    elif name.family.startswith("Ryzen AI"):
        model = f"{name.suffix} {name.number}".strip()
    full = f"{name.family}{joint if model else ''}{model}" or "unnamed CPU"
    return f"{name.vendor or 'unknown vendor'}: {full}"


def _generic(facts: HardwareFacts, confidence: float, why: str) -> Classification:
    reasons = [_named(facts), why]
    if facts.physical_cores is not None:
        reasons.append(f"{facts.physical_cores} cores: threads follow cores and quota")
    if facts.quota_cpus is not None:
        reasons.append(f"container quota of {facts.quota_cpus:g} CPUs")
    return Classification(Tier.GENERIC, confidence, tuple(reasons))


def _unknown(facts: HardwareFacts) -> Classification:
    return _generic(facts, GUESS, "the CPU's name says nothing that the tiers know")


# -- Intel --------------------------------------------------------------------------------------

# Product lines below the Core i3: two slow cores or Atom cores, mostly without AVX2.
_INTEL_LOW = ("Pentium", "Celeron", "Atom", "Core2", "Coreduo", "Coresolo", "Core M", "N-series", "Quark")


def _intel(facts: HardwareFacts) -> Classification:
    name = facts.name
    named = _named(facts)
    if name.family == "Xeon":
        return _generic(facts, LIKELY, "a server or workstation part")
    if name.family in _INTEL_LOW:
        return Classification(Tier.INTEL_LOW_END, CERTAIN, (named, "an Atom-class or entry part"))
    level = name.family[-1:]
    if not name.family.startswith("Core") or level not in "3579" or not level:
        return _unknown(facts)
    if level == "3" or name.number.startswith(("N", "L")):
        # N is Alder Lake-N, L is Lakefield: one fast core at most.
        return Classification(Tier.INTEL_LOW_END, CERTAIN, (named, "i3 level or Atom cores"))
    if name.family.startswith("Core i") and name.generation is None:
        return _intel_by_level(named, level, GUESS, "no model number")
    if name.family.startswith("Core i") and (name.generation or 99) <= 3:
        reason = f"generation {name.generation}: before AVX2"
        return Classification(Tier.INTEL_LOW_END, CERTAIN, (named, reason))
    if not _intel_thin(facts):
        old = name.family.startswith("Core i") and (name.generation or 99) <= 7
        return _intel_by_level(
            named,
            level,
            FAIR if old else CERTAIN,
            "desktop or H class" + (f", but of generation {name.generation}" if old else ""),
        )
    old = name.family.startswith("Core i") and (name.generation or 99) <= 7
    if (old and level == "5") or (name.suffix == "Y" and (name.generation or 99) < 10):
        return Classification(
            Tier.INTEL_LOW_END,
            FAIR,
            (named, f"generation {name.generation}, thin: two cores at 15 W or less"),
        )
    confidence = FAIR if old or name.suffix.startswith("P") else CERTAIN
    why = "thin: 15–28 W, so an i7 or i9 sustains what an i5 does"
    return Classification(Tier.I5_BASELINE, confidence, (named, why))


def _intel_by_level(named: str, level: str, confidence: float, why: str) -> Classification:
    tier = Tier.INTEL_HIGH_END if level in "79" else Tier.I5_BASELINE
    return Classification(tier, confidence, (named, why))


def _intel_thin(facts: HardwareFacts) -> bool:
    """Thin-laptop parts, by suffix: U, Y, P, V, L, 10xx–14xx, G with a graphics level, old M."""
    name = facts.name
    if name.family.startswith("Core Ultra") and name.generation == 3 and not name.suffix:
        return True
    if len(name.number) == 4 and name.number.startswith("1"):
        return True
    if name.suffix[:1] in ("U", "Y", "P", "V", "L"):
        return True
    return name.suffix == "M" and name.generation == 4


# -- AMD ----------------------------------------------------------------------------------------

_AMD_DESKTOP_SUFFIXES = frozenset({"", "X", "XT", "X3D", "X3D2", "G", "GE", "GT", "F", "E", "AF", "WX", "GF"})


def _amd(facts: HardwareFacts) -> Classification:
    name = facts.name
    named = _named(facts)
    if _is_server(facts):
        return _generic(facts, LIKELY, "a server part")
    if name.family == "Ryzen Threadripper":
        return Classification(Tier.AMD_HIGH_END, CERTAIN, (named, "a workstation part"))
    if name.family.startswith("Ryzen AI"):
        return _ryzen_ai(facts, named)
    if name.family in ("Ryzen Z", "Custom APU", "Ryzen Embedded"):
        return Classification(Tier.AMD_MOBILE, LIKELY, (named, "a handheld or embedded part"))
    if name.family.startswith("Ryzen"):
        if not name.number and name.suffix != "U":
            return _amd_desktop(name.family[-1], named, GUESS, "no model number")
        # Three-digit Ryzen ("Ryzen 7 250") are renamed notebook parts.
        if len(name.number) < 4 or name.suffix not in _AMD_DESKTOP_SUFFIXES:
            return Classification(Tier.AMD_MOBILE, CERTAIN, (named, "a notebook part by its suffix"))
        return _amd_desktop(name.family[-1], named, CERTAIN, "a desktop part by its suffix")
    if (name.family == "Athlon" and name.suffix == "U") or name.family == "AMD":
        return Classification(Tier.AMD_MOBILE, FAIR, (named, "a small notebook part"))
    if name.family:
        return Classification(Tier.INTEL_LOW_END, FAIR, (named, "an entry or pre-Ryzen part: the low-end figures fit"))
    return _unknown(facts)


def _amd_desktop(level: str, named: str, confidence: float, why: str) -> Classification:
    if level in "79":
        return Classification(Tier.AMD_HIGH_END, confidence, (named, why))
    reasons = (named, why, "Ryzen 3 and 5 on the desktop are the middle: the i5 figures fit")
    return Classification(Tier.I5_BASELINE, min(confidence, LIKELY), reasons)


def _ryzen_ai(facts: HardwareFacts, named: str) -> Classification:
    name = facts.name
    if name.suffix in ("G", "GE"):
        return _amd_desktop(name.family[-1], named, FAIR, "a desktop part by its suffix")
    if "Max" in name.family:
        why = "sold for notebooks, though it may run far faster than its tier"
        return Classification(Tier.AMD_MOBILE, FAIR, (named, why))
    return Classification(Tier.AMD_MOBILE, CERTAIN, (named, "a notebook part by its line"))


# -- Apple --------------------------------------------------------------------------------------


def _apple(facts: HardwareFacts) -> Classification:
    name = facts.name
    named = _named(facts)
    model = facts.apple_model or facts.board_model or ""
    translated = facts.translated or name.family == "VirtualApple"
    reasons = [named]
    if translated:
        reasons.append("Python runs translated by Rosetta: install an arm64 Python")
    if model.casefold().startswith("virtualmac"):
        return _generic(facts, LIKELY, "a virtual machine: what it really gets must be measured")
    if name.family == "M" and name.suffix in ("Pro", "Max", "Ultra"):
        reasons.append(f"an M {name.suffix} is always cooled by a fan")
        return Classification(Tier.M1_PRO, CERTAIN, tuple(reasons))
    without_fan = facts.fanless if facts.fanless is not None else (fanless(model) if model else None)
    if without_fan:
        reasons.append(f"{model or 'this model'} has no fan")
        return Classification(Tier.M1_AIR, LIKELY if translated else CERTAIN, tuple(reasons))
    if without_fan is False:
        reasons.append(f"{model or 'this model'} has a fan")
        return Classification(Tier.M1_PRO, LIKELY if translated else CERTAIN, tuple(reasons))
    if name.family == "A":
        reasons.append("a telephone's chip, whatever its suffix: taken as fanless")
        return Classification(Tier.M1_AIR, FAIR, tuple(reasons))
    if model:
        reasons.append(f"{model} is not in the list of fanless models")
        return Classification(Tier.M1_PRO, FAIR, tuple(reasons))
    reasons.append("model unknown: taken as fanless, the careful choice (pass the model)")
    return Classification(Tier.M1_AIR, GUESS, tuple(reasons))


# -- ARM ----------------------------------------------------------------------------------------


def _arm(facts: HardwareFacts) -> Classification:
    board = facts.board_model or ""
    kinds = {part_kind(part) for part in facts.arm_parts}
    parts = ", ".join(sorted({part_name(part) for part in facts.arm_parts}))
    what = board or parts or facts.brand.strip() or "an ARM machine"
    if "dummy-virt" in board or "virtual" in board.casefold():
        return _generic(facts, LIKELY, "a virtual machine: what it really gets must be measured")
    if board.casefold().startswith("apple") or PartKind.APPLE in kinds:
        return _apple(facts)
    if is_board(board):
        return Classification(Tier.ARM_SBC, CERTAIN, (f"board: {board}",))
    if PartKind.SERVER in kinds or facts.family in ("Neoverse", "Ampere", "Server"):
        return _generic(facts, LIKELY, f"{what}: an ARM server")
    if PartKind.NOTEBOOK in kinds or facts.vendor == "qualcomm":
        return _generic(facts, LIKELY, f"{what}: an ARM notebook, for which no tier is promised")
    if facts.family == "Board":
        return Classification(Tier.ARM_SBC, LIKELY, (f"board: {what}",))
    if PartKind.SMALL in kinds or facts.family in ("Cortex", "ARM"):
        reasons = (f"{what}: cores of single-board computers",)
        return Classification(Tier.ARM_SBC, LIKELY if board else FAIR, reasons)
    return _unknown(facts)


_RULES: dict[str, Callable[[HardwareFacts], Classification]] = {
    "intel": _intel,
    "amd": _amd,
    "apple": _apple,
    "arm": _arm,
    "qualcomm": _arm,
    "ampere": _arm,
}
