"""Words in capitals: an acronym is spelled or read, an emphasized word is a word."""

from __future__ import annotations

import re
from collections.abc import Container

from fishvoiced.text.spoken.english.common_words import COMMON

# Spelled also in a line that is all capitals.
SPELLED = frozenset(
    ["ai", "api", "apis", "apr",
     "atm", "aws", "bbc", "bbq", "bmw", "bsd", "cd", "cdc", "ceo", "cfo", "cia", "cio", "cli",
     "cmd", "cnc", "cnn", "cpu", "crt", "css", "csv", "cto", "cv", "db", "dc", "ddos", "dhcp", "dj", "dna", "dns",
     "dvd", "ec", "eeg", "ekg", "eta", "etf", "eu", "eula", "faq", "fbi", "fda", "fps", "ftp", "gdp", "gmt", "gnu",
     "gps", "gpu", "gui", "hdd", "hdmi", "hiv", "hp", "hr", "html", "http", "https", "hvac", "ibm", "id", "ide",
     "ids", "imap", "imdb", "ios", "iot", "ip", "ipo", "iq", "irc", "irs", "isbn", "isp", "iss", "ist", "jfk", "jpg",
     "json", "jvm", "kde", "kfc", "kgb", "km", "lcd", "led", "lgbt", "lgbtq", "llc", "llm", "lsd", "mba", "ml", "mp",
     "mph", "mri", "mtv", "mvp", "nba", "nfl", "ngo", "nhl", "nhs", "nlp", "npm", "nsa", "nvda", "nyc", "nypd",
     "oecd", "oem", "olap", "os", "pbs", "pc", "pcb", "pcr", "pda", "pdf", "pdt", "ph", "php", "pm", "pms", "png",
     "pnp", "ppm", "pr", "ps", "psi", "pst", "pto", "pvc", "qa", "qr", "r&d", "rca", "rfc", "rgb", "rpg", "rpm",
     "rss", "rsvp", "sdk", "seo", "sftp", "sla", "sms", "sos", "sql", "ssd", "ssh", "ssl", "ssml", "ssn", "ssr",
     "suv", "svg", "tba", "tbd", "tcp", "tls", "tsa", "tts", "tv", "ua", "uae", "udp", "ufo", "ui", "uk", "un",
     "uri", "url", "usa", "usb", "utc", "uuid", "uv", "ux", "vat", "vcr", "vga", "vhf", "vip", "vm", "vms", "vpn",
     "vr", "wpa", "www", "xml", "xss", "ymca"]
)  # fmt: skip
# Read as words.
READ = {
    "nasa": "nasa", "nato": "nato", "unesco": "unesco", "unicef": "unicef", "opec": "opec", "fifa": "fifa",
    "aids": "aids",
    "laser": "laser", "radar": "radar", "scuba": "scuba", "covid": "covid", "ram": "ram", "rom": "rom", "pin": "pin",
    "sim": "sim", "lan": "lan", "wan": "wan", "gif": "gif", "jpeg": "jay peg", "yaml": "yamel", "wifi": "wifi",
    "asap": "A S A P", "bios": "bios", "raid": "raid", "swat": "swat", "zip": "zip", "nafta": "nafta", "gnome": "gnome",
    "orca": "orca", "ascii": "ask E", "crud": "crud", "cors": "cors", "soap": "soap", "ajax": "ajax", "sonar": "sonar",
    "potus": "potus", "scotus": "scotus", "osha": "osha", "hipaa": "hippa", "fema": "fema", "grep": "grep",
    "git": "git",
    "hamas": "hamas", "nasdaq": "nasdaq", "ikea": "ikea", "lego": "lego", "dos": "doss", "apt": "apt", "jira": "jira",
    "rest": "rest", "vim": "vim", "nano": "nano", "bash": "bash", "todo": "to do", "fixme": "fix me", "spam": "spam",
    "captcha": "captcha", "taser": "taser", "led": "L E D", "mips": "mips", "gpt": "G P T", "ieee": "I triple E",
    "imax": "eye max", "sars": "sars", "wwii": "world war two", "wwi": "world war one", "yolo": "yolo", "lol": "L O L",
    "sudo": "soo doo", "scsi": "scuzzy", "info": "info", "warn": "warn",
    "max": "max", "min": "min", "async": "async", "auth": "auth",
    "admin": "admin", "init": "init", "args": "args", "exec": "exec", "config": "config",
}  # fmt: skip
# Acronyms first; words only where the whole line is in capitals.
AMBIGUOUS = frozenset({"it", "us", "who", "am", "pm", "un", "id", "ad", "la", "or", "aids", "led", "pin", "sat", "cat"})
_ALWAYS_WORDS = frozenset({"or", "who", "am", "cat", "sat", "ad", "la"})
LONGEST = 5
"""Capitals of more letters are a word."""

PLURAL = re.compile(r"(?P<letters>PhD|[A-Z]{2,6})(?:s|['’]s)")
WITH_AND = re.compile(r"[A-Z]{1,3}(?:&[A-Z]{1,3}){1,2}\b")


def letters(word: str) -> str:
    """ "pdf" → "P D F"."""
    return " ".join(word.upper())


def in_capitals(word: str, shouting: bool, known: Container[str], *, constant: bool = False) -> str:
    """What is said for ``word``, which is all capitals. ``shouting``: so is the text around it; ``constant``: the word
    is part of a name such as MAX_VALUE."""
    lower = word.lower()
    if lower in READ:
        return READ[lower]
    if lower in SPELLED:
        return letters(word)
    if lower in AMBIGUOUS and not shouting and lower not in _ALWAYS_WORDS:
        return letters(word)
    if len(word) > LONGEST:
        return lower if _pronounceable(lower) else letters(word)
    if lower in COMMON or (lower in known and (len(word) > 3 or shouting)):
        return lower
    if ((len(word) >= 4 and shouting) or (len(word) >= 3 and constant)) and _pronounceable(lower):
        return lower
    return letters(word)


def plural(match: re.Match[str]) -> str | None:
    """ "CEOs" → "C E O's", "PINs" → "pins"."""
    lower = match["letters"].lower()
    word = READ.get(lower)
    if word is not None:
        return word + ("'s" if word[-1].isupper() or not match[0].endswith(match["letters"] + "s") else "s")
    return letters(lower) + "'s"


def _pronounceable(word: str) -> bool:
    """At least one vowel, and no five consonants in a row."""
    return bool(re.search("[aeiouy]", word)) and not re.search("[^aeiouy]{5}", word)


def is_shouting(text: str) -> bool:
    """Whether most letters of ``text``, some words at least, are capitals."""
    upper = sum(map(str.isupper, text))
    return upper > 0.7 * max(1, sum(map(str.isalpha, text))) and len(text.split()) > 1
