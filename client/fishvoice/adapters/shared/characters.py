"""Single characters and keys in words: what is said for ``,`` and ``A`` and ``control_alt_Delete``."""

from __future__ import annotations

import unicodedata

CHARACTERS = {
    " ": "space",
    "\t": "tab",
    "\n": "new line",
    "\r": "return",
    "\u00a0": "no-break space",
    "!": "exclamation mark",
    '"': "quote",
    "#": "number sign",
    "$": "dollar",
    "%": "percent",
    "&": "ampersand",
    "'": "apostrophe",
    "(": "left parenthesis",
    ")": "right parenthesis",
    "*": "star",
    "+": "plus",
    ",": "comma",
    "-": "dash",
    ".": "dot",
    "/": "slash",
    ":": "colon",
    ";": "semicolon",
    "<": "less than",
    "=": "equals",
    ">": "greater than",
    "?": "question mark",
    "@": "at sign",
    "[": "left bracket",
    "\\": "backslash",
    "]": "right bracket",
    "^": "caret",
    "_": "underscore",
    "`": "backquote",
    "{": "left brace",
    "|": "bar",
    "}": "right brace",
    "~": "tilde",
    "°": "degrees",
    "€": "euro",
    "£": "pound",
    "…": "dot dot dot",
    "–": "en dash",
    "—": "em dash",
    "“": "left quote",
    "”": "right quote",
    "‘": "left single quote",
    "’": "right single quote",
    "•": "bullet",
}

KEYS = {
    "kp": "keypad",
    "prior": "page up",
    "next": "page down",
    "pageup": "page up",
    "pagedown": "page down",
    "backspace": "backspace",
    "capslock": "caps lock",
    "numlock": "num lock",
    "scrolllock": "scroll lock",
    "ctrl": "control",
    "esc": "escape",
    "del": "delete",
    "ins": "insert",
    "iso": "",
    "lefttab": "tab",
    "l": "left",
    "r": "right",
}


def character(symbol: str, *, capitals: bool = False) -> str:
    """The name of one character; with ``capitals`` upper case is told."""
    if symbol in CHARACTERS:
        return CHARACTERS[symbol]
    if symbol.isalpha():
        name = symbol.upper() if len(symbol.upper()) == 1 else symbol
        return f"capital {name}" if capitals and symbol != symbol.lower() else name
    if symbol.isalnum():
        return symbol
    return unicodedata.name(symbol, "unknown character").lower()


def spelled(text: str, *, capitals: bool = False) -> str:
    """Every character by name; a pause after each."""
    return ", ".join(character(symbol, capitals=capitals) for symbol in text)


def key(name: str) -> str:
    """A key as SSIP names it, modifiers first: ``a``, ``underscore``, ``shift_a``, ``control_alt_Delete``."""
    if len(name) == 1:
        return character(name)
    held, _, last = name.rpartition("_")
    if not last:  # the key "_" itself, perhaps with modifiers: "shift__"
        held, last = name.rstrip("_"), "_"
    if held in {"Control", "Shift", "Alt", "Super", "Hyper", "Meta", "ISO_Level3"} and last in {"L", "R", "Shift"}:
        return " ".join(filter(None, (KEYS.get(last.lower(), last), held.split("_")[0].lower())))
    words = [*held.split("_"), *([last] if len(last) == 1 else last.split("-"))]
    return " ".join(filter(None, (_key_word(word) for word in words)))


def _key_word(word: str) -> str:
    if len(word) == 1:
        return character(word)
    if word[:1] in "Ff" and word[1:].isdigit():
        return f"F {word[1:]}"
    return KEYS.get(word.lower(), word.lower())


def sayable(text: str) -> str:
    """``text`` if it has a letter or digit; a few bare symbols by their names; else nothing."""
    if any(symbol.isalnum() for symbol in text):
        return text
    symbols = text.strip() or text[:1]
    return spelled(symbols) if len(symbols) <= MOST_BARE_SYMBOLS else ""


MOST_BARE_SYMBOLS = 4  # more, such as a line of dashes, is decoration
