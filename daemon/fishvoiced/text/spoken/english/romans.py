"""Roman numerals behind words that number: "Chapter IV", "World War II", "Henry VIII"."""

from __future__ import annotations

import re

from fishvoiced.text.spoken.english.numbers.cardinals import cardinal, ordinal, roman, year

_COUNTING = frozenset(
    [
        "chapter", "part", "volume", "book", "act", "scene", "section", "article", "appendix", "phase", "type", "class",
        "level", "round", "stage", "title", "table", "figure", "war", "episode", "mark", "grade", "apollo", "bowl",
        "fantasy", "rocky", "unit", "module", "lesson", "step", "tier", "category", "vol", "world", "schedule",
        "annex", "division", "corps", "group", "quarter", "day", "week", "version", "mk", "ch", "sec", "option",
        "exhibit", "canto", "psalm", "symphony", "season", "generation", "gen", "olympiad", "games", "quest", "souls",
        "civilization", "vatican", "wrestlemania", "saturn", "gemini", "pentium", "elements",
    ]
)  # fmt: skip
_REIGNING = frozenset(
    [
        "henry", "louis", "george", "edward", "elizabeth", "charles", "james", "william", "pius", "benedict", "paul",
        "francis", "gregory", "leo", "clement", "catherine", "alexander", "nicholas", "peter", "philip", "ferdinand",
        "frederick", "napoleon", "richard", "robert", "ramses", "ramesses", "ptolemy", "mary", "anne", "victoria",
        "john", "innocent", "urban", "boniface", "julius", "sixtus", "wilhelm", "otto", "heinrich", "ludwig",
        "friedrich", "karl", "gustav", "christian", "haakon", "harald", "olaf", "albert", "leopold", "baldwin",
        "alfonso", "carlos", "juan", "felipe", "pedro", "ivan", "vasily", "mehmed", "murad", "selim", "suleiman",
        "cleopatra", "darius", "xerxes", "artaxerxes", "cyrus", "constantine", "justinian", "theodosius", "basil",
        "leon", "david", "joseph", "rudolf", "maximilian", "sigismund", "margrethe", "beatrix", "rama",
        "xiv", "pope", "king", "queen", "emperor", "tsar",
    ]
)  # fmt: skip
_BEFORE = re.compile(r"(?P<word>[^\W\d_][\w'’]{1,24})[ \u00a0.]{1,2}\Z")
_VERB_AFTER = re.compile(
    r"['’]|\s+(?:am|was|have|had|will|would|can|could|did|do|think|know|like|love|hate|want|need|see|saw|said|felt)\b"
)
_AFTER_I = re.compile(r"\s*(?:[^\w\s]|\Z)|\s+(?:of|was|and|ruled|died|reigned|became|had|to|is)\b")

_ORDINAL_AFTER = re.compile(r"\s+(?:century|centuries|dynasty)\b")
_SMALL = re.compile("[ivxl]{2,7}")


def read_small(word: str, before: str) -> str | None:
    """The same for small letters, which number chapters, scenes and pages: "page xii"."""
    if _SMALL.fullmatch(word) is None or (value := roman(word.upper())) is None:
        return None
    behind = _BEFORE.search(before)
    name = behind["word"].lower() if behind else ""
    return cardinal(str(value)) if name in _COUNTING or name in ("page", "pages", "line", "verse", "item") else None


def read(word: str, before: str, after: str) -> str | None:
    """The numeral ``word`` behind ``before``; None where it is no numeral, or none here."""
    word, possessive, _ = word.partition("'s")
    value = roman(word)
    if value is None:
        return None
    if _ORDINAL_AFTER.match(after):
        return ordinal(value)
    if len(word) > 4 and 1000 <= value < 3000:
        return year(str(value))  # MCMXCIX
    behind = _BEFORE.search(before)
    if behind is None:
        return None
    name = behind["word"].lower()
    if name in _COUNTING:
        return None if len(word) == 1 and (word not in "IVX" or _VERB_AFTER.match(after)) else cardinal(str(value))
    if name in _REIGNING and value <= 40:
        lone = len(word) == 1 and (word not in "IVX" or (word == "I" and not _AFTER_I.match(after)))
        return None if lone else f"the {ordinal(value)}{possessive}"
    unmistakable = len(word) >= 2 and set(word) <= set("IVX") and word not in ("IV", "VI", "XI", "XX", "XXX")
    return cardinal(str(value)) if unmistakable and behind["word"][0].isupper() else None
