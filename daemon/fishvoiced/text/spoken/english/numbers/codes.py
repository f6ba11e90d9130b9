"""What is read sign by sign: phone numbers, ids, hashes, addresses of networks, versions, letters with digits."""

from __future__ import annotations

import re
from collections.abc import Callable

from fishvoiced.text.spoken.english.numbers.cardinals import (
    DIGITS,
    cardinal,
    decimal,
    in_groups,
    in_pairs,
    plural,
    single_digits,
    year,
)

UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![\w-])")
MAC = re.compile(r"[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])")
IPV4 = re.compile(r"(?P<ip>\d{1,3}(?:\.\d{1,3}){3})(?:/(?P<net>\d{1,2}))?(?::(?P<port>\d{1,5}))?(?![\w]|\.\d)")
IPV6 = re.compile(
    r"(?=[0-9A-Fa-f:]{0,8}\d|[0-9A-Fa-f]{1,4}::|::)(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}"
    r"(?:/(?P<net>\d{1,3}))?(?![\w:])"
)
HEX = re.compile(r"0[xX][0-9A-Fa-f]{1,64}\b")
HASH = re.compile(
    r"(?=[0-9a-f]{0,63}\d)(?=[0-9a-f]{0,63}[a-f])[0-9a-f]{7,64}\b"
    r"|(?=[0-9A-F]{0,63}\d)(?=[0-9A-F]{0,63}[A-F])[0-9A-F]{7,64}\b"
)
VERSION = re.compile(
    r"(?P<v>[vV]\.?\s?)?(?P<numbers>\d{1,8}(?:\.\d{1,8}){2,6})"
    r"(?P<tail>-?(?:rc|alpha|beta|dev|post|pre|a|b)\.?\d{0,4})?(?![\w]|\.\d)"
)
SHORT_VERSION = re.compile(
    r"(?P<v>[vV])\.?(?P<numbers>\d{1,6}(?:\.\d{1,6})?)"
    r"(?P<tail>-?(?:rc|alpha|beta|dev|post|pre)\.?\d{0,4})?(?![\w]|\.\d)"
)
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:\.\d{3}){2,6}")
PHONE = re.compile(
    r"\+\d{1,3}(?:[ .\-\u00a0]{1,2}\(?\d{1,8}\)?){1,6}(?![\w-])"  # +44 20 7946 0958
    r"|\(0\d{1,5}\)(?: \d{2,8}){1,4}(?![\w-])"  # (030) 12 34 56
    r"|\+\d{8,15}(?!\d)"
    r"|(?:1[ .-])?\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}(?![\w-])"  # (321) 434-5049
    r"|(?:1[ .-])?\d{3}[ .-]\d{3}[ .-]\d{4}(?![\w-])"  # 321 434-5049
    r"|(?:1-)?(?:800|888|877|866|855)-\d{3}-?\d{4}(?![\w-])"
    r"|\d{3}-\d{4}(?![\w-]|\.\d)"  # 555-0199
    r"|(?:555 \d{4}|[2-9]\d\d 0\d{3})(?![\w-]|[.,]\d)"  # 555 0199
    r"|0\d(?: \d{2}){4}(?![\w-])"  # 06 12 34 56 78
    r"|0\d{2,5}[ /-]\d{3,8}(?:[ -]\d{2,6}){0,3}(?![\w-])"  # 0800 123 456
)
GROUPS = re.compile(r"(?:\d{1,7}-){2,5}\d{1,7}(?:-[Xx])?(?![\w-])|\d{5}-\d{4}(?![\w-])|\d{4}(?: \d{4}){2,4}(?!\w)")
VANITY = re.compile(r"1[ -](?P<area>800|888|877|866|855)[ -](?P<name>[A-Z]{2,10}(?:-[A-Z]{2,10}){0,2})(?![\w-])")
IBAN = re.compile(r"[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?(?!\w)")
ISSN = re.compile(r"(?<=ISSN )\d{4}-\d{3}[\dXx](?!\w)")
DATED_ID = re.compile(r"(?P<name>[A-Z]{2,6})-(?P<year>(?:19|20)\d\d)-(?P<number>\d{3,9})(?!\w)")  # CVE-2021-44228
MIXED = re.compile(r"(?=[A-Za-z]{0,40}\d|\d{1,40}[A-Za-z])[A-Za-z0-9]{2,64}(?![A-Za-z0-9])")
COLOR = re.compile(r"#(?=[0-9A-Fa-f]{0,7}[0-9])(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{3})\b")

_FORMULA = re.compile(
    r"(?=[A-Za-z]{0,30}\d)(?:(?:H|C|N|O|S|P|K|F|I|B|Na|Cl|Ca|Fe|Mg|Al|Si|Cu|Zn|Ag|Au|Mn|Br)\d{0,3}){2,12}"  # C6H12O6
)
SALT = re.compile(r"(?=[A-Z]{0,3}[a-z])(?:H|Na|K|Li|Ca|Mg|Zn|Cu|Ag|Fe)(?:Cl|OH|Br|F|I|O|S|CN)(?!\w)")  # NaCl, KBr
_MODELS = re.compile(r"(?P<name>[A-Z]{1,3})(?P<digits>\d{1,3})s")  # A380s, MP3s
_SCREEN = re.compile(r"(?P<lines>240|360|480|540|720|1080|1440|2160)(?P<scan>[pi])")
_PARTS = re.compile(r"[A-Z][a-z]?|\d+")
_CHAT = {
    "2nite": "tonight",
    "2day": "today",
    "2moro": "tomorrow",
    "WW1": "world war one",
    "WW2": "world war two",
    "gr8": "great",
    "l8r": "later",
    "m8": "mate",
    "w8": "wait",
    "b4": "before",
    "h8": "hate",
    "str8": "straight",
}
_RUNS = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z])|[A-Z][a-z]+|[A-Z]+(?![a-z])|[a-z]+|\d+")


def sign_by_sign(code: str) -> str:
    """ "550e" → "five five zero E"; any other sign is left out."""
    return " ".join(DIGITS[int(c)] if c.isdecimal() else c.upper() for c in code if c.isascii() and c.isalnum())


def read_uuid(match: re.Match[str]) -> str:
    return ", ".join(sign_by_sign(part) for part in match[0].split("-"))


def read_mac(match: re.Match[str]) -> str:
    return ", ".join(sign_by_sign(part) for part in match[0].replace("-", ":").split(":"))


def read_ipv4(match: re.Match[str]) -> str | None:
    parts = match["ip"].split(".")
    if any(int(part) > 255 for part in parts):
        return None
    words = " dot ".join(map(single_digits, parts))
    if match["net"]:
        words += " slash " + cardinal(match["net"])
    return words + (f" port {single_digits(match['port'])}" if match["port"] else "")


def read_ipv6(match: re.Match[str]) -> str | None:
    address, _, net = match[0].partition("/")
    if re.fullmatch(r"\d{1,2}(?::\d\d){2}", address):
        return None  # 12:30:45 is a time
    spoken = " colon ".join(map(sign_by_sign, filter(None, address.split(":"))))
    if "::" in address:
        head, _, tail = address.partition("::")
        both = (" colon ".join(map(sign_by_sign, filter(None, side.split(":")))) for side in (head, tail))
        spoken = " colon colon ".join(both).strip()
    return spoken + (f" slash {cardinal(net)}" if net else "")


def read_hex(match: re.Match[str]) -> str:
    return "hex " + sign_by_sign(match[0][2:])


def read_hash(match: re.Match[str]) -> str:
    code = match[0]
    return ", ".join(sign_by_sign(code[at : at + 8]) for at in range(0, len(code), 8))


def read_version(match: re.Match[str]) -> str | None:
    """ "1.2.13" → "one point two point thirteen"; "1.234.567" is rather a number."""
    if not match["v"] and _GROUPED.fullmatch(match[0]):
        return None
    words = " point ".join(_version_part(part) for part in match["numbers"].split("."))
    tail = match["tail"]
    if tail:
        words += " " + mixed(tail.strip("-").replace(".", ""))
    return f"V {words}" if match["v"] else words


def _version_part(part: str) -> str:
    return single_digits(part) if len(part) > 3 or (len(part) > 1 and part[0] == "0") else cardinal(part)


def read_phone(match: re.Match[str]) -> str | None:
    written = match[0]
    digits = re.sub(r"\D", "", written)
    if not 7 <= len(digits) <= 15:
        return None
    plus = "plus " if written[0] == "+" else ""
    groups = re.findall(r"\d+", written)
    if len(groups) == 1:
        return plus + in_groups(groups[0])
    return plus + ", ".join(map(single_digits, groups))


def read_groups(match: re.Match[str]) -> str:
    """Card numbers, ISBNs, social security numbers: digits, with a pause at each dash."""
    return ", ".join(sign_by_sign(part) for part in re.split("[- ]", match[0]))


def read_dated_id(match: re.Match[str]) -> str:
    return f"{sign_by_sign(match['name'])} {year(match['year'])}, {in_groups(match['number'])}"


def read_vanity(match: re.Match[str]) -> str:
    """ "1-800-GO-FEDEX" → "one, eight zero zero, go fedex"."""
    return f"one, {single_digits(match['area'])}, {match['name'].lower().replace('-', ' ')}"


def read_color(match: re.Match[str]) -> str:
    return "hash " + sign_by_sign(match[0][1:])


def read_salt(match: re.Match[str]) -> str:
    return " ".join(filter(str.isalpha, match[0].upper()))


def read_mixed(match: re.Match[str]) -> str:
    return mixed(match[0])


def mixed(code: str) -> str:
    """Letters with digits: "MP3" → "M P three", "utf8" → "utf eight", "A1B2C3" sign by sign."""
    if code in _CHAT:
        return _CHAT[code]
    if models := _MODELS.fullmatch(code):
        return f"{' '.join(models['name'])} {plural(in_pairs(models['digits']))}"
    if screen := _SCREEN.fullmatch(code):
        return f"{in_pairs(screen['lines'])} {screen['scan'].upper()}"
    if _FORMULA.fullmatch(code):
        return " ".join(cardinal(part) if part.isdecimal() else " ".join(part.upper()) for part in _PARTS.findall(code))
    runs = _RUNS.findall(code)
    if len(runs) > 4 or (len(runs) > 2 and len(code) > 5 and max(map(len, runs)) < 3):
        return sign_by_sign(code)
    return " ".join(_run(run) for run in runs)


def _run(run: str) -> str:
    if run.isdecimal():
        if len(run) == 4 and run[:2] in ("19", "20"):
            return year(run)
        return decimal(run) if len(run) <= 2 else single_digits(run)
    return " ".join(run.upper()) if len(run) == 1 or run.isupper() or not re.search("[aeiouy]", run) else run.lower()


RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (UUID, read_uuid),
    (MAC, read_mac),
    (IPV4, read_ipv4),
    (IPV6, read_ipv6),
    (HEX, read_hex),
    (ISSN, read_groups),
    (VANITY, read_vanity),
)
"""For what begins with a digit, before dates and quantities."""
