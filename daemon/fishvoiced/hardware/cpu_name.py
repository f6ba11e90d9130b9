"""CpuName: a CPU's brand string taken apart by structure (vendor, family, number, suffix)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class CpuName:
    """A brand string in parts.

    ``vendor`` is "intel", "amd", "apple", "arm", "qualcomm", … or "" when nothing tells it.
    ``family`` is the product line ("Core i7", "Core Ultra 9", "Ryzen 7", "Xeon", "M", …),
    ``number`` the model number's digits, ``suffix`` what follows them in capitals ("K", "HX",
    "G7", "Pro"), ``generation`` the vendor's own count. ``virtual`` marks a name that only a
    hypervisor gives.
    """

    vendor: str = ""
    family: str = ""
    number: str = ""
    generation: int | None = None
    suffix: str = ""
    virtual: bool = False


_VENDOR_IDS = {
    "genuineintel": "intel",
    "intel": "intel",
    "authenticamd": "amd",
    "amd": "amd",
    "hygongenuine": "hygon",
    "centaurhauls": "centaur",
    "shanghai": "zhaoxin",
    "virtualapple": "apple",
    "apple": "apple",
    "arm": "arm",
    "qualcomm": "qualcomm",
}

_MARKS = re.compile(r"\((?:r|tm|c)\)|[®™©\0]", re.IGNORECASE)
_CLOCK = re.compile(r"@.*$")
_GRAPHICS = re.compile(r"\s(?:with|w/)\s.*$", re.IGNORECASE)
_NOISE = re.compile(
    r"\b(?:cpu|processor|apu|soc|(?:\d+|dual|triple|quad|six|eight|twelve|sixteen)-cores?)\b",
    re.IGNORECASE,
)
_HYPERVISOR_NAME = re.compile(r"\b(?:qemu|kvm|bochs|virtual)\b|\d+xxx?\b|_\dx\d\b", re.IGNORECASE)


def parse_brand(brand: str, vendor_id: str = "") -> CpuName:
    """Take a brand string apart; what cannot be told stays empty. Never raises.

    Trailing blanks, ``(R)``/``(TM)`` marks, clock rates and graphics parts carry no meaning and
    go first, so that the U of "CPU" and the H of "GHz" can never be read as a suffix.
    """
    plain = _MARKS.sub("", brand)
    text = " ".join(_GRAPHICS.sub("", _CLOCK.sub("", plain)).split())
    vendor = _VENDOR_IDS.get(" ".join(vendor_id.split()).casefold(), "")
    words = " ".join(_NOISE.sub(" ", text.split("(")[0]).split())
    for parse in (_apple, _amd, _arm, _intel):
        name = parse(words, vendor)
        if name is not None:
            break
    else:
        name = CpuName(vendor=vendor)
    # On x86 a parenthesis that survives the marks is a hypervisor's: "Processor (Haswell, no TSX)".
    invented = "(" in text and name.vendor in ("intel", "amd")
    return replace(name, virtual=True) if invented or _HYPERVISOR_NAME.search(text) else name


# -- Apple --------------------------------------------------------------------------------------

_APPLE = re.compile(
    r"^(?:apple\s+(?P<line>[am])|m(?=\d{1,2}(?: pro| max| ultra)?$))(?P<number>\d{1,2})\s*(?P<suffix>\w*)",
    re.IGNORECASE,
)


def _apple(words: str, vendor: str) -> CpuName | None:
    if re.match(r"virtualapple\b", words, re.IGNORECASE):
        return CpuName("apple", "VirtualApple")
    if match := _APPLE.match(words):
        number = match["number"]
        suffix = match["suffix"].capitalize()
        return CpuName("apple", (match["line"] or "m").upper(), number, int(number), suffix)
    if vendor == "apple" or re.match(r"apple\b", words, re.IGNORECASE):
        return CpuName("apple")
    return None


# -- AMD ----------------------------------------------------------------------------------------

_RYZEN_AI = re.compile(
    r"\bryzen ai (?P<level>max\+?|[3579])(?P<middle>(?: (?:hx|pro))*) (?P<number>\d{3})(?P<suffix>\w*)"
)
_RYZEN = re.compile(r"\bryzen (?P<level>[3579])(?: pro)?(?: h)?(?: (?P<number>\d{2,4}) ?(?P<suffix>af\b|[a-z]\w*)?)?")
_THREADRIPPER = re.compile(r"\bthreadripper(?: pro)? (?P<number>\d{4})(?P<suffix>\w*)")
_EMBEDDED = re.compile(r"\bryzen(?: embedded)? (?P<number>[a-z]\d{4}|\d{4})(?P<suffix>\w*)")
_HANDHELD = re.compile(r"\bryzen (?:ai )?(?P<number>z\d)(?: (?P<suffix>\w+))?")
_ATHLON = re.compile(r"\bathlon(?: (?:gold|silver))?(?: pro)? (?P<number>\d{3,4})(?P<suffix>[a-z]+)")
_AMD_BARE = re.compile(r"^amd (?P<number>\d{4})(?P<suffix>[a-z])\b")
_AMD_OLD = re.compile(
    r"\b(?P<family>phenom|sempron|turion|athlon|fx|a(?:4|6|8|9|10|12)|e[12]?|c|gx)\b[- ]?"
    r"(?P<rest>.*)$"
)


def _amd(words: str, vendor: str) -> CpuName | None:
    low = words.casefold()
    if not (vendor == "amd" or re.search(r"\b(?:amd|ryzen|epyc|opteron|threadripper)\b", low)):
        return None
    if server := re.search(r"\b(epyc|opteron|instinct)\b", low):
        model = re.search(r"\b\d[a-z0-9]{3}[a-z]?\b", low)
        family = "EPYC" if server[1] == "epyc" else server[1].capitalize()
        return CpuName("amd", family, model[0].upper() if model else "")
    if match := _THREADRIPPER.search(low):
        return _ryzen(match, "Ryzen Threadripper")
    if match := _RYZEN_AI.search(low):
        suffix = (match["middle"].replace("pro", "").strip() + match["suffix"]).upper()
        level = {"max": "Max", "max+": "Max+"}.get(match["level"], match["level"])
        return CpuName("amd", f"Ryzen AI {level}", match["number"], int(match["number"][0]), suffix)
    if match := _HANDHELD.search(low):
        suffix = (match["suffix"] or "").capitalize()
        return CpuName("amd", "Ryzen Z", match["number"].upper(), int(match["number"][1]), suffix)
    if match := _RYZEN.search(low):
        if match["number"]:
            return _ryzen(match, f"Ryzen {match['level']}")
        # "Ryzen 5 Microsoft Surface Edition" is a mobile part without a number.
        return CpuName("amd", f"Ryzen {match['level']}", suffix="U" if "surface" in low else "")
    if match := _EMBEDDED.search(low):
        return CpuName("amd", "Ryzen Embedded", match["number"].upper(), None, match["suffix"].upper())
    if match := _ATHLON.search(low):
        return CpuName("amd", "Athlon", match["number"], None, match["suffix"].upper())
    if "custom" in low.split():
        return CpuName("amd", "Custom APU")
    if match := _AMD_BARE.search(low):
        return CpuName("amd", "AMD", match["number"], int(match["number"][0]), match["suffix"].upper())
    if match := _AMD_OLD.search(low.removeprefix("amd ")):
        digits = re.search(r"(\d{3,4})([a-z]*)", match["rest"])
        number, suffix = (digits[1], digits[2].upper()) if digits else ("", "")
        return CpuName("amd", match["family"].upper(), number, None, suffix)
    return CpuName("amd")


def _ryzen(match: re.Match[str], family: str) -> CpuName:
    number = match["number"]
    generation = int(number[0]) if len(number) == 4 else None
    return CpuName("amd", family, number, generation, (match["suffix"] or "").upper())


# -- ARM and its licensees ------------------------------------------------------------------------

_ARM_LINES: tuple[tuple[str, str, str], ...] = (
    (r"\bsnapdragon\b|\boryon\b|\bqualcomm\b|\bmicrosoft sq\d", "qualcomm", "Snapdragon"),
    (r"\bneoverse\b|\bgraviton\d?\b|\bgrace\b|\baxion\b|\bcobalt\b", "arm", "Neoverse"),
    (r"\bampere\b|\baltra\b|\bampereone\b", "ampere", "Ampere"),
    (r"\bkunpeng\b|\bthunderx\d?\b|\bphytium\b|\bft-?\d{4}\b|\ba64fx\b", "arm", "Server"),
    (r"\bcortex-", "arm", "Cortex"),
    (
        r"\braspberry pi\b|\bbcm2\d{3}|\brk3\d{3}|\brockchip\b|\ballwinner\b|\bamlogic\b"
        r"|\bjetson\b|\btegra\b|\bodroid\b|\borange pi\b|\bradxa\b|\bs905|\bexynos\b|\bsun\d+i",
        "arm",
        "Board",
    ),
    (r"\barmv[678]|\baarch64\b", "arm", "ARM"),
)


def _arm(words: str, vendor: str) -> CpuName | None:
    low = words.casefold()
    for pattern, maker, family in _ARM_LINES:
        if match := re.search(pattern, low):
            if family == "Cortex":
                return CpuName(maker, "Cortex", low[match.end() :].split()[0].upper())
            return CpuName(maker, family)
    return CpuName(vendor) if vendor in ("arm", "qualcomm") else None


# -- Intel --------------------------------------------------------------------------------------

_NTH_GEN = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th) gen\b")
_CORE_I = re.compile(r"\b(?:core ?)?i(?P<level>[3579])\b[- ]?(?P<rest>.*)$")
_CORE_ULTRA = re.compile(r"\bultra (?:x)?(?P<level>[3579]) (?:pro )?(?P<number>\d{3})(?P<suffix>\w*)")
_CORE_PLAIN = re.compile(r"\bcore (?P<level>[3579]) (?P<number>n?\d{3})(?P<suffix>\w*)")
_CORE_M = re.compile(r"\bcore (?P<level>m[357]?)-(?P<number>\d[a-z]\d{2})(?P<suffix>\w*)")
_INTEL_LOW = re.compile(r"\b(?P<family>pentium|celeron|atom|core ?2|core (?:duo|solo)|quark)\b")
_N_SERIES = re.compile(r"^(?:intel )?(?P<number>[nu]?\d{2,3})[a-z]?$")
_MODEL = re.compile(r"^(?:(?P<prefix>[a-z]) ?)?(?P<digits>\d{3,5})(?P<suffix>[a-z0-9]*)")
_Y_MODEL = re.compile(r"^(?P<digits>\d)y\d{2}")
_LAKEFIELD = re.compile(r"^l\d{2}g\d")


def _intel(words: str, vendor: str) -> CpuName | None:
    # Some engineering samples say "CoreT", the mark having lost its brackets.
    low = re.sub(r"\bcoret\b", "core", words.casefold())
    known = vendor == "intel" or re.search(r"\b(?:intel|xeon|celeron|pentium|westmere|core)\b", low)
    if not known and not re.match(r"(?:core ?)?(?:i[3579]-|ultra [3579] )\w", low):
        return None
    if re.search(r"\bxeon\b|\bwestmere\b", low):
        number = re.search(r"\b(?:[a-z]\d?-?)?\d{4}[a-z]*\+?", low)
        return CpuName("intel", "Xeon", number[0].upper() if number else "")
    told = _NTH_GEN.search(low)
    if match := _CORE_ULTRA.search(low):
        series = int(match["number"][0])
        return CpuName("intel", f"Core Ultra {match['level']}", match["number"], series, match["suffix"].upper())
    if match := _CORE_I.search(low):
        return _core_i(match["level"], match["rest"], int(told[1]) if told else None)
    if match := _CORE_M.search(low):
        return CpuName("intel", "Core M", match["number"].upper(), int(match["number"][0]), "Y")
    if match := _CORE_PLAIN.search(low):
        return CpuName("intel", f"Core {match['level']}", match["number"].upper(), None, match["suffix"].upper())
    if match := _INTEL_LOW.search(low):
        return CpuName("intel", match["family"].replace(" ", "").capitalize())
    if match := _N_SERIES.match(low):
        return CpuName("intel", "N-series", match["number"].upper())
    return CpuName("intel")


def _core_i(level: str, rest: str, told: int | None) -> CpuName:
    family = f"Core i{level}"
    if match := _Y_MODEL.match(rest):
        return CpuName("intel", family, match[0].upper(), int(match["digits"]), "Y")
    if match := _LAKEFIELD.match(rest):
        return CpuName("intel", family, match[0].upper(), 10)
    match = _MODEL.match(rest)
    if match is None:
        return CpuName("intel", family, generation=told)
    prefix, digits, suffix = (match["prefix"] or "").upper(), match["digits"], match["suffix"].upper()
    if prefix == "N":
        return CpuName("intel", family, f"N{digits}", told or 12, suffix)
    return CpuName("intel", family, digits, told or _core_i_generation(digits), suffix or prefix)


def _core_i_generation(digits: str) -> int:
    """Three digits are the first generation; 10xx–14xx never existed before the tenth."""
    if len(digits) == 3:
        return 1
    if len(digits) == 5 or digits[0] == "1":
        return int(digits[:2])
    return int(digits[0])
