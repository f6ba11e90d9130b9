"""One written word: abbreviations, capitals, camelCase, single letters, letters of other scripts."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import NamedTuple
from unicodedata import category

from fishvoiced.text.spoken.english import abbreviations, acronyms, romans
from fishvoiced.text.spoken.letters import is_latin, name_of, plain, plain_letter, script_of
from fishvoiced.text.spoken.words import Unread, Word

_LETTER = r"(?:[^\W\d_][\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff\ufe20-\ufe2f]{0,8})"
_WORD = re.compile(rf"{_LETTER}{{1,400}}(?:['’]{_LETTER}{{1,24}}){{0,4}}['’]?")
_CAMEL = re.compile(r"[A-Z]{1,400}(?![a-z])|[A-Z]?[a-z']{1,400}")
_CLITIC = re.compile(r"(?P<letters>[A-Z]{1,6})['’](?P<tail>s|d|m|t|ed|ing|ll|ve|re|S|D|M|T|LL|VE|RE)\b")
_DIGIT_NEXT = re.compile(r"\s?\d")
_ARTICLE_NEXT = re.compile(r"""\s+["'“‘(*_]*(?:[^\W\d_]{2}|\d)""")
_KEPT_WHOLE = re.compile(r"(?:Mc|Mac|O'|D'|L')[A-Z][a-z']+|[A-Z][a-z]+(?:'[a-z]+)?")
_SENTENCE_BEFORE = re.compile(r"(?:\A|[.!?…:]|\n)[\"'“”‘’(\s]*\Z")
_CONTEXT = 48  # characters looked at on either side


def find(text: str, at: int, end: int) -> int | None:
    """The end of the word that begins at ``at``; None where none does."""
    match = _WORD.match(text, at, end)
    if match is None or match[0].isascii():
        return match.end() if match else None
    for place in range(at, match.end()):  # \w takes superscripts and letter-like numbers for letters
        if text[place] in _RAISED_OR_LOWERED or not (
            text[place].isalpha() or text[place] in "'’" or category(text[place])[0] == "M"
        ):
            return place if place > at else None
    return match.end()


class Around(NamedTuple):
    """A text and where in it a word stands."""

    text: str
    start: int
    end: int
    limit: int

    @property
    def before(self) -> str:
        return self.text[max(0, self.start - _CONTEXT) : self.start]

    def after(self, at: int) -> str:
        return self.text[at : min(self.limit, at + _CONTEXT)]

    def has_stop(self) -> bool:
        return self.end < self.limit and self.text[self.end] == "."


def read(around: Around, known: Container[str], shouting: bool) -> Iterator[Word | Unread]:
    """The words for ``text[start:end]``; where a full stop belongs to them, the last one ends behind it."""
    text, start, end, _ = around
    written = text[start:end].replace("’", "'").removesuffix("'")
    if not written.isascii() and not all(map(is_latin, written)):
        yield from _other_scripts(text, start, start + len(written), known)
        return
    if written.isascii() and written.islower() and len(written) > 1:
        short = _abbreviation(around, written)
        numeral = romans.read_small(written, around.before) if short is None else None
        if numeral is not None:
            yield Word(start, end, numeral)
        elif short is None:
            is_suffix = start > 1 and text[start - 1] == "." and text[start - 2].isalnum() and written in _SUFFIXES
            yield Word(start, end, acronyms.letters(written) if is_suffix else _spoken(written, known))
        else:
            yield Word(start, short[0], short[1])
        return
    yield from _capitals_or_accents(around, written, known, shouting)


def _capitals_or_accents(around: Around, written: str, known: Container[str], shouting: bool) -> Iterator[Word]:
    text, start, end, _ = around
    short = _abbreviation(around, written) if len(written) > 1 or written in _SHORT else None
    if short is not None:
        yield Word(start, short[0], short[1])
        return
    numeral = romans.read(written, around.before, around.after(end)) if _NUMERAL.fullmatch(written) else None
    if numeral is not None:
        yield Word(start, end, numeral)
    elif written == "A" and shouting and _ARTICLE_NEXT.match(around.after(end)):
        yield Word(start, end, "a")
    elif len(written) == 1:
        yield Word(start, end, _single(written, around))
    elif clitic := _CLITIC.fullmatch(written):
        yield Word(start, end, _with_tail(clitic, known, shouting))
    elif written in ("xD", "XD"):
        yield Word(start, end, "laughing")
    elif text[start - 1 : start] == "." and written.lower() in _DOMAINS:
        yield Word(start, end, written.lower())
    elif len(written) == 2 and written.istitle() and text[end : end + 1] in _CHEMICAL:
        yield Word(start, end, acronyms.letters(plain(written)))  # Fe³⁺
    elif written.isupper() and (text[start - 1 : start] in _LOWERED or text[end : end + 1] in _LOWERED):
        yield Word(start, end, acronyms.letters(plain(written)))  # H₂SO₄
    elif written.isupper():
        named = written == "WHO" and around.before.endswith(("the ", "The "))
        constant = "_" in (text[start - 1 : start], text[end : end + 1])
        said = acronyms.in_capitals(plain(written), shouting, known, constant=constant)
        yield Word(start, end, acronyms.letters(written) if named else said)
    elif plain(written) in known or not written.isascii() or _KEPT_WHOLE.fullmatch(written):
        yield Word(start, end, _spoken(plain(written), known))
    else:
        yield from _camel(text, start, end, known)


def _with_tail(clitic: re.Match[str], known: Container[str], shouting: bool) -> str:
    letters, tail = clitic["letters"], clitic["tail"]
    if len(letters) == 1:
        return f"{letters if letters != 'I' else 'i'}'{tail.lower()}"
    if tail.lower() in ("t", "ll", "ve", "re") or (letters.lower() in _PRONOUNS and tail.lower() in ("s", "d")):
        return f"{letters}'{tail}".lower()
    return f"{acronyms.in_capitals(letters, shouting, known)}'{tail.lower()}"


def _abbreviation(around: Around, written: str) -> tuple[int, str] | None:
    """(end, spoken) of an abbreviation, its full stop included."""
    lower = written.lower()
    stop = around.end + around.has_stop()
    if lower == "no" and around.has_stop() and _DIGIT_NEXT.match(around.after(stop)):
        return stop, "number"
    in_context = abbreviations.in_context(written, around.before, around.after(stop))
    if in_context is not None:
        named = in_context in ("doctor", "saint", "mount", "fort")  # more of the name follows
        return stop if named else _keep_last_stop(around, lower, stop), in_context
    if around.has_stop() and lower + "." in abbreviations.DOTTED and not _ends_sentence_as_word(around, lower):
        return _keep_last_stop(around, lower, stop), abbreviations.DOTTED[lower + "."]
    if lower in abbreviations.ALWAYS and not (lower == "etc" and around.before.endswith(("/", "\\"))):
        keeps = around.has_stop() and around.text[stop : stop + 1].isalnum()  # config.txt
        return (around.end if keeps else _keep_last_stop(around, lower, stop)), abbreviations.ALWAYS[lower]
    return None


def _ends_sentence_as_word(around: Around, lower: str) -> bool:
    """ "I met Gen. Lee" against "the sun." or "by Dec.": short words that are words unless something follows."""
    after = around.after(around.end + 1)
    if after[:1].isalnum():
        return True
    if lower in _RATHER_WORDS:
        return not after.strip() and lower not in ("co", "al", "min", "max", "est")
    return False


def _keep_last_stop(around: Around, lower: str, stop: int) -> int:
    """The end of an abbreviation: before its stop where that also ends the sentence."""
    after = around.after(stop)
    at_end = not after.strip(" \t\"'”’)")
    new_sentence = lower in abbreviations.ENDING and re.match(r"[\"'”’)]*\s+[\"'“‘(]*[A-Z]", after) is not None
    return around.end if around.has_stop() and (at_end or new_sentence) else stop


def _camel(text: str, start: int, end: int, known: Container[str]) -> Iterator[Word]:
    """ "readFile" → "read file", "HTTPServer" → "H T T P server"."""
    parts = list(_CAMEL.finditer(text, start, end))
    if not parts:
        yield Word(start, end, _spoken(plain(text[start:end]), known))
    for index, part in enumerate(parts):
        stop = end if index == len(parts) - 1 else part.end()
        yield Word(part.start(), stop, _camel_part(part[0], known))


def _camel_part(part: str, known: Container[str]) -> str:
    if len(part) == 1:
        return {"a": "a", "I": "i", "i": "i"}.get(part, part.upper())
    if part.isupper():
        return acronyms.in_capitals(part, False, known)
    return _spoken(part.lower(), known)


def _spoken(lower: str, known: Container[str]) -> str:
    """Words without a vowel ("xml", "ssh") are spelled, unless a voice knows better."""
    is_sound = _VOWEL.search(lower) or lower in _SOUNDS or "'" in lower or len(lower) > 5
    if not is_sound and (lower not in known or lower in acronyms.SPELLED):
        return acronyms.letters(lower)
    if lower in _CHAT or (lower in acronyms.SPELLED and lower in _LOWER_ACRONYMS):
        return acronyms.letters(lower)
    return lower


_NUMERAL = re.compile("[IVXLCDM]{1,15}(?:'s)?")
_RAISED_OR_LOWERED = frozenset("ⁿⁱₐₑₒₓₔₕₖₗₘₙₚₛₜᵢᵣᵤᵥⱼ")
_SIDES = re.compile(r"\s?\d")
_LOWERED = tuple("₀₁₂₃₄₅₆₇₈₉")
_CHEMICAL = (*_LOWERED, *"²³⁺⁻")
_SHORT = frozenset("pPcCNSEW")  # letters that may be an abbreviation
_DOMAINS = frozenset({"com", "org", "net", "edu", "gov", "info"})
_PRONOUNS = frozenset(["it", "he", "she", "we", "you", "they", "that", "there", "what", "who", "let"])
_RATHER_WORDS = frozenset(
    ["mar", "mon", "wed", "min", "max", "gen", "col", "rep", "co", "rev", "ed", "al", "sen", "pres", "hon", "ext",
     "tel", "misc", "ln", "fri", "resp", "gov", "cf", "est", "ms"]
)  # fmt: skip
_VOWEL = re.compile("[aeiouy]")
_SUFFIXES = frozenset([
    "py", "exe", "ini", "iso", "avi", "odt", "ods", "odp", "deb", "apk", "ico", "ogg", "aac", "rar", "so", "io", "ai",
    "eu", "us", "uk",
])  # fmt: skip
_SOUNDS = frozenset({"hmm", "shh", "psst", "brr", "mmm", "hm", "nth", "tsk", "pst", "mm", "zzz", "pfft", "sh", "grr"})
_CHAT = frozenset([
    "imo", "imho", "idk", "fyi", "asap", "afaik", "omg", "lol", "ttyl", "rofl", "iirc", "diy", "eta", "irl", "yw",
    "aka",
])  # fmt: skip
_LOWER_ACRONYMS = frozenset([
    "api", "apis", "cpu", "gpu", "url", "uri", "usb", "ui", "uuid", "utf", "gif", "json",
]) - {"gif", "json", "utf"}  # fmt: skip


def _is_article(letter: str, around: Around) -> bool:
    followed = _ARTICLE_NEXT.match(around.after(around.end)) is not None
    return followed and (letter == "a" or _SENTENCE_BEFORE.search(around.before) is not None)


def _single(letter: str, around: Around) -> str:
    """A letter's name; before another word "a" is the article: "a cat", but "capital A" and "A, B, C"."""
    letter_name = plain_letter(letter)
    if letter in "aA" and _is_article(letter, around):
        return "a"
    if letter_name == "x" and _SIDES.match(around.after(around.end)) and around.before.rstrip()[-1:].isdecimal():
        return "by"
    if letter_name in ("i", "o"):
        return "i" if letter_name == "i" else "O"
    return " ".join(letter_name.upper()) if letter_name else name_of(letter)


def _other_scripts(text: str, start: int, end: int, known: Container[str]) -> Iterator[Word | Unread]:
    """Latin runs are words; a letter of another script alone has its name; more of them cannot be read."""
    at = start
    while at < end:
        latin = is_latin(text[at])
        stop = at + 1
        while stop < end and is_latin(text[stop]) == latin:
            stop += 1
        letters = text[at:stop].strip("'’")
        if latin and letters:
            part = plain(letters)
            if part:
                yield Word(at, stop, part.upper() if len(part) == 1 else _spoken(part, known))
        elif letters:
            script = script_of(letters[0])
            if len(letters) == 1 or (len(letters) == 2 and script == "Greek" and letters != letters.lower()):
                yield Word(at, stop, " ".join(map(name_of, letters)))
            else:
                yield Unread(at, stop, script)
        at = stop
