"""The phones of flite's American English as single characters, two bytes at most in UTF-8.

Vowels have one character unstressed and one stressed, so that stress costs no token.
"""

from __future__ import annotations

VOWELS = {
    "aa": "àá", "ae": "æǽ", "ah": "ăâ", "ao": "òó", "aw": "ŏô", "ax": "əɘ", "ay": "ìí",
    "eh": "èé", "er": "ɚɝ", "ey": "ĕê", "ih": "ɪɨ", "iy": "ĭî", "ow": "ōö", "oy": "øǿ",
    "uh": "ʊʉ", "uw": "ùú",
}  # fmt: skip
CONSONANTS = {
    "b": "b", "ch": "č", "d": "d", "dh": "ð", "f": "f", "g": "g", "hh": "h", "jh": "ǰ", "k": "k",
    "l": "l", "m": "m", "n": "n", "ng": "ŋ", "p": "p", "r": "r", "s": "s", "sh": "š", "t": "t",
    "th": "θ", "v": "v", "w": "w", "y": "y", "z": "z", "zh": "ž",
}  # fmt: skip
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MARKS = " ,.?!"
SYMBOLS = "".join(VOWELS.values()) + "".join(CONSONANTS.values())


def symbol(phone: str, stress: str) -> str:
    """The character of a phone; KeyError for one that flite's phone set does not have."""
    if phone in VOWELS:
        return VOWELS[phone][stress == "1"]
    return CONSONANTS[phone]
