"""Units of measure and what is said for them: "km/h" → "kilometers per hour", "m²" → "square meters"."""

from __future__ import annotations

import re
import unicodedata

# written: (said for one, said for several). Case matters: "mW" and "MW", "b" and "B".
UNITS: dict[str, tuple[str, str]] = {
    "%": ("percent", "percent"), "‰": ("per mille", "per mille"), "°": ("degree", "degrees"),
    "°C": ("degree celsius", "degrees celsius"), "°F": ("degree fahrenheit", "degrees fahrenheit"),
    "℃": ("degree celsius", "degrees celsius"), "℉": ("degree fahrenheit", "degrees fahrenheit"),
    "° C": ("degree celsius", "degrees celsius"), "° F": ("degree fahrenheit", "degrees fahrenheit"),
    "kr": ("krone", "kroner"), "°c": ("degree celsius", "degrees celsius"),
    "°f": ("degree fahrenheit", "degrees fahrenheit"),
    "ft": ("foot", "feet"), "in": ("inch", "inches"), "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"), "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"), "THz": ("terahertz", "terahertz"),
    "hz": ("hertz", "hertz"), "khz": ("kilohertz", "kilohertz"), "mhz": ("megahertz", "megahertz"),
    "ghz": ("gigahertz", "gigahertz"), "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"), "rpm": ("R P M", "R P M"), "fps": ("frame per second",
    "frames per second"), "ppm": ("part per million", "parts per million"), "dpi": ("dot per inch", "dots per inch"),
    "bpm": ("beat per minute", "beats per minute"), "psi": ("P S I", "P S I"), "Ω": ("ohm", "ohms"),
    "kΩ": ("kiloohm", "kiloohms"), "lx": ("lux", "lux"), "px": ("pixel", "pixels"), "pt": ("point", "points"),
    "em": ("em", "em"), "rem": ("rem", "rem"), "ha": ("hectare", "hectares"), "mi": ("mile", "miles"),
    "sqft": ("square foot", "square feet"), "vol%": ("volume percent",) * 2,
    "fl oz": ("fluid ounce", "fluid ounces"), "fl. oz": ("fluid ounce", "fluid ounces"),
    "bn": ("billion", "billion"), "mn": ("million", "million"), "tn": ("trillion", "trillion"),
    "N·m": ("newton meter", "newton meters"), "Nm": ("newton meter", "newton meters"),
    "l/100km": ("liter per hundred kilometers", "liters per hundred kilometers"),
    "l/100 km": ("liter per hundred kilometers", "liters per hundred kilometers"),
    "L/100km": ("liter per hundred kilometers", "liters per hundred kilometers"),
    "mpg": ("mile per gallon", "miles per gallon"),
    "mmHg": ("millimeter of mercury", "millimeters of mercury"),
    '"': ("inch", "inches"), "″": ("inch", "inches"),
    "”": ("inch", "inches"), "'": ("foot", "feet"), "′": ("foot", "feet"), "K": ("kelvin", "kelvin"),
    "Kb": ("kilobit", "kilobits"), "Mb": ("megabit", "megabits"), "Gb": ("gigabit", "gigabits"),
    "dB": ("decibel", "decibels"), "db": ("decibel", "decibels"), "dBm": ("D B M", "D B M"),
}  # fmt: skip
_REGULAR = {
    "m": "meter", "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "µm": "micrometer", "nm": "nanometer",
    "μm": "micrometer", "yd": "yard", "g": "gram", "kg": "kilogram", "mg": "milligram", "µg": "microgram",
    "μg": "microgram", "t": "ton", "l": "liter", "L": "liter", "ml": "milliliter", "mL": "milliliter",
    "dl": "deciliter", "dL": "deciliter", "cl": "centiliter", "gal": "gallon", "qt": "quart", "tsp": "teaspoon",
    "tbsp": "tablespoon", "s": "second", "sec": "second", "secs": "second", "ms": "millisecond", "µs": "microsecond",
    "μs": "microsecond", "us": "microsecond", "ns": "nanosecond", "min": "minute", "mins": "minute", "h": "hour",
    "hr": "hour", "hrs": "hour", "wk": "week", "wks": "week", "mo": "month", "yr": "year", "yrs": "year",
    "kB": "kilobyte", "KB": "kilobyte", "kb": "kilobyte", "MB": "megabyte", "mb": "megabyte",
    "GB": "gigabyte", "gb": "gigabyte", "TB": "terabyte", "tb": "terabyte", "PB": "petabyte", "KiB": "kibibyte",
    "MiB": "mebibyte", "GiB": "gibibyte", "TiB": "tebibyte", "Kbit": "kilobit", "Mbit": "megabit", "Gbit": "gigabit",
    "bit": "bit", "W": "watt", "mW": "milliwatt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt",
    "Wh": "watt hour", "kWh": "kilowatt hour", "MWh": "megawatt hour", "V": "volt", "mV": "millivolt",
    "kV": "kilovolt", "mA": "milliamp", "A": "amp", "Ah": "amp hour", "mAh": "milliamp hour", "J": "joule",
    "kJ": "kilojoule",
    "µF": "microfarad", "μF": "microfarad", "nF": "nanofarad", "pF": "picofarad", "mH": "millihenry",
    "cal": "calorie", "kcal": "kilocalorie", "N": "newton", "Pa": "pascal", "hPa": "hectopascal",
    "kPa": "kilopascal", "bar": "bar", "mol": "mole", "acre": "acre", "day": "day", "week": "week",
    "month": "month", "year": "year", "hour": "hour", "minute": "minute", "second": "second", "night": "night",
    "person": "person", "user": "user", "token": "token", "request": "request", "file": "file", "line": "line",
    "page": "page", "head": "head", "piece": "piece", "liter": "liter", "gallon": "gallon", "mile": "mile",
    "meter": "meter", "kilometer": "kilometer", "kilogram": "kilogram", "inch": "inch", "foot": "foot",
}  # fmt: skip
_BIT_RATES = {"bps": "bit", "kbps": "kilobit", "Kbps": "kilobit", "Mbps": "megabit", "Gbps": "gigabit"}
UNITS |= {unit: (name, {"inch": "inches", "foot": "feet"}.get(name, name + "s")) for unit, name in _REGULAR.items()}
UNITS |= {unit: (f"{name} per second", f"{name}s per second") for unit, name in _BIT_RATES.items()}
UNITS |= {
    f"{short}{stop} {unit}": (f"{power} {UNITS[unit][0]}", f"{power} {UNITS[unit][1]}")
    for short, power in (("sq", "square"), ("cu", "cubic"))
    for stop in ("", ".")
    for unit in ("ft", "in", "yd", "mi", "m", "km", "cm")
}

# These are words or letters first: units only when written without a blank ("5in"), or before "per" and a power.
_NEEDS_CONTACT = frozenset({"in", "A", "N", "t", "us", "em", "rem", "bar", "day", "week", "month", "year",
                            "hour", "minute", "second", "night", "person", "user", "token", "request", "file", "line",
                            "page", "head", "piece", "acre", "bit", "mo", "liter", "gallon", "mile", "meter",
                            "kilometer", "kilogram", "inch", "foot", "cal", "pt"})  # fmt: skip
_SQUARED = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0x3371, 0x3400)}  # ㎏ ㎞ ㎖
UNITS |= {sign: UNITS[unit] for sign, unit in _SQUARED.items() if unit in UNITS}
_ONE = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_POWER = {"²": "square ", "³": "cubic ", "2": "square ", "3": "cubic "}
PATTERN = re.compile(
    rf"(?P<gap>[ \u00a0\u202f]?)(?P<unit>{_ONE})(?P<power>[²³]|\^[23])?"
    rf"(?:\s?/\s?(?P<per>{_ONE})(?P<per_power>[²³]|\^[23])?)?(?![\w²³])"
)
_INCH_AFTER = re.compile(r"\.\s+[a-z]|\s?[x×]\s?\d")
_FEET_BEFORE = re.compile(r"(?:ft\.?|feet|foot)\s\d{1,2}(?:\.\d{1,2})?\Z")
_QUOTED = re.compile(r"""(?<![\d\w])["'“‘”]""")
_MANY_DIGITS = re.compile(r"\d(?:\.\d+|\d\d)\Z")
_TIME = {"s": "second", "h": "hour", "d": "day", "m": "meter", "min": "minute"}


def said(match: re.Match[str], one: bool) -> str | None:
    """Words for a match of `PATTERN` behind a number; None where it is rather a word of its own."""
    unit, per = match["unit"], match["per"]
    if match["gap"] and unit in _NEEDS_CONTACT and not (per or match["power"] or _is_inch(match)):
        return None
    if unit in _MEASURING_MARKS and not _measures(match):
        return None
    if unit == "K" and not (
        match["gap"] and _MANY_DIGITS.search(match.string, max(0, match.start() - 8), match.start())
    ):
        return None  # "10K" is ten thousand
    words = UNITS[unit][0 if one else 1]
    if match["power"]:
        words = _POWER[match["power"][-1]] + words
    if per:
        words += " per " + (_TIME.get(per) or UNITS[per][0])
        if match["per_power"]:
            squared = match["per_power"][-1] in "2²"
            words = words + (" squared" if squared else " cubed") if per in ("s", "h") else _powered(words, squared)
    return words


_MEASURING_MARKS = frozenset("\"”″'′")


def _measures(match: re.Match[str]) -> bool:
    """Whether a quote behind a number means inches or feet: it touches the number and closes no quotation."""
    line = match.string[max(0, match.start() - 200) : match.start()].rpartition("\n")[2]
    return not match["gap"] and (match["unit"] in "″′" or len(_QUOTED.findall(line)) % 2 == 0)


def _is_inch(match: re.Match[str]) -> bool:
    """Whether " in" is an inch: "3 in. of rain", "6 ft 2 in", "12 in x 8 in"."""
    text, start, end = match.string, match.start(), match.end()
    near = _INCH_AFTER.match(text, end) or _FEET_BEFORE.search(text, max(0, start - 12), start)
    return match["unit"] == "in" and near is not None


def _powered(words: str, squared: bool) -> str:
    rate, _, unit = words.rpartition(" per ")
    return f"{rate} per {'square' if squared else 'cubic'} {unit}"
