"""Abbreviations, those that depend on what stands beside them included: "Dr Smith", "Elm Dr.", "St. Peter", "No. 5"."""

from __future__ import annotations

import re

# With or without a full stop, whatever follows.
ALWAYS = {
    "mr": "mister", "mrs": "missus", "prof": "professor", "jr": "junior", "sr": "senior",
    "vs": "versus", "etc": "et cetera", "approx": "approximately", "ok": "okay", "eg": "for example",
    "ctrl": "control", "alt": "alt", "del": "delete", "esc": "escape", "pgup": "page up", "pgdn": "page down",
    "gui": "gooey", "sudo": "soo doo", "stdin": "standard in", "stdout": "standard out", "stderr": "standard error",
    "hmm": "hmm", "mmm": "mmm", "shh": "shh", "psst": "psst", "brr": "brr", "pls": "please", "thx": "thanks",
    "dept": "department", "govt": "government", "blvd": "boulevard", "pkwy": "parkway",
    "readme": "read me", "usr": "user", "tmp": "temp", "src": "source", "cmd": "command", "msg": "message",
    "attn": "attention", "btn": "button",
    "img": "image", "config": "config", "repo": "repo", "dir": "dir", "lib": "lib",
}  # fmt: skip
# Only with their full stop.
DOTTED = {
    "ms.": "miz", "e.g.": "for example", "i.e.": "that is", "a.m.": "A M", "p.m.": "P M", "gen.": "general",
    "sen.": "senator", "rep.": "representative", "gov.": "governor", "capt.": "captain", "lt.": "lieutenant",
    "col.": "colonel", "sgt.": "sergeant", "rev.": "reverend", "hon.": "honorable", "pres.": "president",
    "inc.": "incorporated", "ltd.": "limited", "corp.": "corporation", "co.": "company", "bros.": "brothers",
    "ave.": "avenue", "rd.": "road", "ln.": "lane", "hwy.": "highway", "apt.": "apartment",
    "est.": "established", "incl.": "including", "excl.": "excluding", "dept.": "department", "min.": "minimum",
    "max.": "maximum", "avg.": "average", "tel.": "telephone", "ext.": "extension", "ed.": "edition",
    "cf.": "compare", "al.": "al", "viz.": "namely", "ph.d.": "P H D", "resp.": "respectively",
    "misc.": "miscellaneous", "asst.": "assistant", "assoc.": "association", "univ.": "university",
    "w.r.t.": "with respect to", "cpl.": "corporal", "maj.": "major", "adm.": "admiral", "pvt.": "private",
    "cmdr.": "commander", "drs.": "doctors", "messrs.": "messieurs", "doz.": "dozen", "ea.": "each",
    "a.k.a.": "also known as", "p.s.": "P S", "jan.": "january", "feb.": "february", "mar.": "march", "apr.": "april",
    "aug.": "august", "sept.": "september", "sep.": "september", "oct.": "october", "nov.": "november",
    "dec.": "december", "mon.": "monday", "tue.": "tuesday", "tues.": "tuesday", "wed.": "wednesday",
    "thu.": "thursday", "thurs.": "thursday", "fri.": "friday",
}  # fmt: skip
# Before a number.
NUMBERED = {
    "no": "number", "nos": "numbers", "nr": "number", "p": "page", "pp": "pages", "pg": "page", "vol": "volume",
    "vols": "volumes", "ch": "chapter", "chap": "chapter", "sec": "section", "sect": "section", "fig": "figure",
    "figs": "figures", "eq": "equation", "tab": "table", "ver": "version", "art": "article", "para": "paragraph",
    "ln": "line", "pt": "part", "ep": "episode", "rm": "room",
    "rt": "route", "rte": "route", "bldg": "building", "ste": "suite", "bk": "book", "apt": "apartment",
    "op": "opus", "ext": "extension",
    "approx": "approximately", "ca": "circa", "c": "circa", "est": "established", "rev": "revision", "app": "appendix",
}  # fmt: skip
# These end a sentence as often as not, so their stop is also one when a capital or nothing follows.
ENDING = frozenset({"etc", "inc", "ltd", "co", "corp", "jr", "sr", "a.m", "p.m", "ave", "rd", "blvd", "al", "st", "dr",
                    "min", "max", "u.s", "u.k", "ed", "ph.d"})  # fmt: skip
_STREETS = {"st": "street", "dr": "drive", "ct": "court", "pl": "place", "sq": "square", "ave": "avenue",
            "rd": "road", "blvd": "boulevard", "ln": "lane", "ter": "terrace"}  # fmt: skip
_BEFORE_NAMES = {
    "st": "saint",
    "dr": "doctor",
    "fr": "father",
    "mt": "mount",
    "ft": "fort",
    "sta": "santa",
    "ste": "sainte",
}  # fmt: skip
DIRECTIONS = {"N": "north", "S": "south", "E": "east", "W": "west"}

DOTTED_LETTERS = re.compile(r"(?:[A-Za-z]\.){2,8}(?![A-Za-z0-9])|[Ww]\.r\.t\.|[Pp]h\.?\s?D\.")
_CAPITALIZED = re.compile(r"\s{1,2}(?:of |the )?(?=[^\W\d_a-z])")
_FIRST_WORD = re.compile(r"\s{1,2}(?P<word>[A-Za-z]{1,12})")
_STREET_NEXT = re.compile(
    r"\s(?:\d{1,3}(?:st|nd|rd|th)\b|[A-Z]\w{1,24}(?:\s[A-Z]\w{1,24})?\s(?:St|Ave|Rd|Blvd|Dr|Ln|Street|Avenue|Road)\b)"
)
_ORDINAL_BEFORE = re.compile(r"\d(?:st|nd|rd|th)\s\Z")
_NUMBER_NEXT = re.compile(r"\.?\s?#?\d")
_NUMERAL_NEXT = re.compile(r"\.?\s[IVXLC]{1,7}\b")
_WITH_NUMERALS = frozenset({"vol", "vols", "ch", "chap", "sec", "sect", "fig", "art", "pt", "bk", "ep"})
_HOUSE = re.compile(r"\b\d{1,6}[A-Za-z]?(?:\s[NSEW]\.?)?(?:\s[A-Z]\w{0,20}){1,4}\s?\Z")
_NAME_BEFORE = re.compile(r"(?P<name>[A-Z][\w'’-]{1,24}|\d{1,3}(?:st|nd|rd|th))\s\Z")
# Capitalized only because they begin a sentence, so no street is named after them.
_NO_NAMES = frozenset(
    [
        "the", "a", "an", "in", "on", "at", "to", "from", "with", "by", "for", "and", "or", "but", "near", "visit",
        "see", "ask", "call", "dear", "is", "was", "are", "of", "my", "our", "his", "her", "their", "this", "that",
        "when", "if", "as", "hi", "hello", "thanks", "said", "says", "meet", "tell",
        "then", "he", "she", "it", "we", "they", "you", "i", "there", "turn",
        "go", "take", "please", "after", "before", "now",
    ]
)  # fmt: skip


_STATES = frozenset(  # in capitals they are others
    ["ca", "c", "p", "pt", "art", "op", "app", "sec", "para", "rm", "est", "ext", "ver", "ep", "rev", "eq", "tab"]
)


def in_context(word: str, before: str, after: str) -> str | None:
    """The reading of ``word`` (without its full stop) between ``before`` and ``after``; None: no abbreviation here.

    ``after`` begins behind the full stop where there is one.
    """
    lower = word.lower()
    if word in DIRECTIONS and _STREET_NEXT.match(after):
        return DIRECTIONS[word]
    numbers = lower in NUMBERED and _NUMBER_NEXT.match(after) is not None and not (word.isupper() and lower in _STATES)
    if lower in _WITH_NUMERALS and lower in NUMBERED and _NUMERAL_NEXT.match(after):
        return NUMBERED[lower]
    if numbers and (lower not in ("no", "app", "tab", "art") or word[0].isupper()):
        return NUMBERED[lower]
    if lower == "fl" and _ORDINAL_BEFORE.search(before):
        return "floor"
    if lower in _STREETS or lower in _BEFORE_NAMES:
        return _name_or_street(word, lower, before, after)
    return None


def _name_or_street(word: str, lower: str, before: str, after: str) -> str | None:
    if not word[0].isupper() or (word.isupper() and len(word) > 1 and not before.isupper()):
        return None
    name = _NAME_BEFORE.search(before)
    street_possible = lower in _STREETS and name is not None and name["name"].lower() not in _NO_NAMES
    name_follows = _CAPITALIZED.match(after) is not None
    starts = _FIRST_WORD.match(after)
    sentence_follows = starts is not None and starts["word"].lower() in _NO_NAMES
    if street_possible and (not name_follows or sentence_follows or _HOUSE.search(before)):
        return _STREETS[lower]
    if lower in _BEFORE_NAMES and name_follows:
        return _BEFORE_NAMES[lower]
    return {"dr": "doctor", "st": "saint"}.get(lower)
