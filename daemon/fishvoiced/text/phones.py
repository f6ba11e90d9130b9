"""The International Phonetic Alphabet for General American in the alphabets of the voices."""

from __future__ import annotations

import re

from fishvoiced.errors import DaemonError

STRESSES = "ˈ'"
_IGNORED = str.maketrans("", "", "ˌ.‿͡ |/[]()ʰ̩̯̃")
_LONG = str.maketrans({"ː": "", ":": ""})

# IPA, longest first where one begins another → (misaki, front end "english" unstressed, stressed)
_VOWELS = {
    "eɪ": ("A", "ĕ", "ê"), "aɪ": ("I", "ì", "í"), "ɔɪ": ("Y", "ø", "ǿ"), "aʊ": ("W", "ŏ", "ô"), "oʊ": ("O", "ō", "ö"),
    "əʊ": ("O", "ō", "ö"), "ɚ": ("əɹ", "ɚ", "ɝ"), "ɝ": ("ɜɹ", "ɚ", "ɝ"), "ɜ": ("ɜ", "ɚ", "ɝ"), "ɑ": ("ɑ", "à", "á"),
    "ɒ": ("ɑ", "à", "á"), "a": ("æ", "æ", "ǽ"), "æ": ("æ", "æ", "ǽ"), "ʌ": ("ʌ", "ă", "â"), "ɔ": ("ɔ", "ò", "ó"),
    "ə": ("ə", "ə", "ɘ"), "ɐ": ("ə", "ə", "ɘ"), "ɛ": ("ɛ", "è", "é"), "e": ("ɛ", "è", "é"), "ɪ": ("ɪ", "ɪ", "ɨ"),
    "ᵻ": ("ᵻ", "ɪ", "ɨ"), "ɨ": ("ᵻ", "ɪ", "ɨ"), "i": ("i", "ĭ", "î"), "o": ("O", "ō", "ö"), "ʊ": ("ʊ", "ʊ", "ʉ"),
    "u": ("u", "ù", "ú"),
    "y": ("u", "ù", "ú"), "ø": ("ɜ", "ɚ", "ɝ"), "œ": ("ɜ", "ɚ", "ɝ"), "A": ("A", "ĕ", "ê"), "I": ("I", "ì", "í"),
    "Y": ("Y", "ø", "ǿ"), "W": ("W", "ŏ", "ô"), "O": ("O", "ō", "ö"), "ᵊ": ("ᵊ", "ə", "ɘ"),
}  # fmt: skip
_CONSONANTS = {
    "tʃ": ("ʧ", "č"), "ʧ": ("ʧ", "č"), "dʒ": ("ʤ", "ǰ"), "ʤ": ("ʤ", "ǰ"), "b": ("b", "b"), "d": ("d", "d"), "ð": ("ð",
    "ð"),
    "f": ("f", "f"), "ɡ": ("ɡ", "g"), "g": ("ɡ", "g"), "h": ("h", "h"), "k": ("k", "k"), "l": ("l", "l"), "ɫ": ("l",
    "l"),
    "m": ("m", "m"), "n": ("n", "n"), "ŋ": ("ŋ", "ŋ"), "p": ("p", "p"), "ɹ": ("ɹ", "r"), "r": ("ɹ", "r"), "ʁ": ("ɹ",
    "r"),
    "s": ("s", "s"), "ʃ": ("ʃ", "š"), "t": ("t", "t"), "ɾ": ("T", "t"), "ʔ": ("t", "t"), "θ": ("θ", "θ"), "v": ("v",
    "v"),
    "w": ("w", "w"), "ʍ": ("w", "w"), "j": ("j", "y"), "z": ("z", "z"), "ʒ": ("ʒ", "ž"), "x": ("k", "k"), "ç": ("h",
    "h"),
    "ɣ": ("ɡ", "g"), "ɲ": ("nj", "ny"), "ʎ": ("lj", "ly"), "c": ("k", "k"), "β": ("v", "v"), "ɸ": ("f", "f"),
}  # fmt: skip
# One phone for every symbol: the others that become the same are left out.
_VARIANTS = frozenset(
    ["əʊ", "ɝ", "ɜ", "ɒ", "a", "ɐ", "e", "ɨ", "y", "ø", "œ", "A", "I", "Y", "W", "O", "ᵻ", "ᵊ", "ʧ", "ʤ", "ɫ", "r",
     "ʁ", "ʍ", "ɾ", "ʔ", "x", "ç", "ɣ", "c", "β", "ɸ", "g"]
)  # fmt: skip
_OF_STARTER = {
    symbol: ("ˈ" if stressed else "") + phone
    for phone, (_, *both) in _VOWELS.items()
    for stressed, symbol in enumerate(both)
    if phone not in _VARIANTS
} | {symbol: phone for phone, (_, symbol) in _CONSONANTS.items() if phone not in _VARIANTS and len(symbol) == 1}
_OF_MISAKI = {
    "A": "eɪ", "I": "aɪ", "Y": "ɔɪ", "W": "aʊ", "O": "oʊ", "ʧ": "tʃ", "ʤ": "dʒ", "T": "ɾ", "ᵊ": "ə", "ᵻ": "ɪ",
}  # fmt: skip
_SYMBOLS = re.compile("[A-Z]+|.")
_SOUND = re.compile("|".join(sorted((*_VOWELS, *_CONSONANTS, *STRESSES, " "), key=len, reverse=True)))


class UnknownPhone(DaemonError):
    """A pronunciation has a sign that is no phone of English."""

    code = "bad_request"


def check(phones: str) -> None:
    """Raises UnknownPhone, naming the sign, if ``phones`` cannot be said."""
    _sounds(phones)


def to_misaki(phones: str) -> str:
    """In the alphabet of Kokoro's and hibari's voices: diphthongs are capitals, stress stands before its vowel."""
    out: list[str] = []
    stressed = False
    for sound in _sounds(phones):
        if sound in STRESSES:
            stressed = True
        elif sound in _VOWELS:
            out += ["ˈ" if stressed else "", _VOWELS[sound][0]]
            stressed = False
        else:
            out.append(_CONSONANTS[sound][0])
    return "".join(out)


def to_starter(phones: str) -> str:
    """In the alphabet of the front end "english": one character per phone, stress within the vowel."""
    out: list[str] = []
    stressed = False
    for sound in _sounds(phones):
        if sound in STRESSES:
            stressed = True
        elif sound in _VOWELS:
            out.append(_VOWELS[sound][2 if stressed else 1])
            stressed = False
        else:
            out.append(_CONSONANTS[sound][1])
    return "".join(out)


def from_misaki(symbols: str) -> str:
    """A phonetic string of Kokoro's and hibari's voices in the International Phonetic Alphabet."""
    return "".join(_OF_MISAKI.get(symbol, symbol) for symbol in symbols)


def from_starter(symbols: str) -> str:
    """A phonetic string of the front end "english"; ``⟨word⟩`` is one that the voice reads from its spelling."""
    return _SYMBOLS.sub(_starter_symbols, symbols)


def _starter_symbols(symbols: re.Match[str]) -> str:
    if symbols[0].isascii() and symbols[0].isupper():
        return f"⟨{symbols[0].lower()}⟩"
    return _OF_STARTER.get(symbols[0], symbols[0])


def _sounds(phones: str) -> list[str]:
    text = phones.translate(_IGNORED).translate(_LONG)
    sounds: list[str] = []
    at = 0
    while at < len(text):
        match = _SOUND.match(text, at)
        if match is None:
            raise UnknownPhone(f"{text[at]!r} in /{phones[:80]}/ is no phone of English in the phonetic alphabet (IPA)")
        sounds.append(match[0])
        at = match.end()
    if not any(sound in _VOWELS or sound in _CONSONANTS for sound in sounds):
        raise UnknownPhone(f"/{phones[:80]}/ has no phones")
    return sounds
