"""The text to be spoken: words, keys, numbers and sentences, gathered from free material on the machine.

Sources (Debian packages unless said otherwise): ``wamerican-large`` (public-domain word
lists), ``wordnet-base`` (WordNet license: example sentences and definitions),
``debian-handbook`` (GPL-2+ or CC-BY-SA-3.0+), docstrings of the Python standard library
and of installed packages (PSF, BSD). Only the sounds of sentences reach the voice.
"""

from __future__ import annotations

import ast
import hashlib
import html
import random
import re
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

WORD_LIST = Path("/usr/share/dict/american-english-large")
WORDNET = Path("/usr/share/wordnet")
HANDBOOK = Path("/usr/share/doc/debian-handbook/html/en-US")
DOCSTRING_PACKAGES = ("numpy", "scipy", "torch", "matplotlib", "sympy", "zmq", "rich", "hypothesis")
PLAIN = re.compile(r"[A-Za-z0-9 ,.'?!;:()%$-]+")

KEYS = (
    "enter escape tab space backspace delete insert home end up down left right shift control alt "
    "option command windows menu caps lock,page up,page down,num lock,scroll lock,print screen,"
    "arrow up,arrow down,arrow left,arrow right,plus,minus,slash,backslash,star,dot,comma,colon,"
    "semicolon,quote,apostrophe,question mark,exclamation mark,left paren,right paren,"
    "left bracket,right bracket,left brace,right brace,equals,underscore,tilde,caret,pipe,"
    "percent,dollar,hash,at,and,less than,greater than,period,dash,new line,blank"
)
SCREEN = (
    "OK,yes,no,cancel,button,link,heading,list,table,checked,not checked,selected,pressed,"
    "expanded,collapsed,read only,required,dialog,alert,warning,error,loading,loaded,busy,"
    "menu item,check box,radio button,edit,combo box,slider,tool bar,status bar,password,"
    "image,graphic,visited link,clickable,unlabeled,row,column,cell,tree,level,line,page,"
    "top,bottom,start,stop,open,close,save,undo,redo,copy,paste,cut,find,replace,next,previous,"
    "back,forward,done,ready,true,false,on,off,empty,banner,main,navigation,search,form,"
    "window,desktop,terminal,file,folder,settings,help,about,exit,quit,mute,volume,battery"
)


@dataclass(frozen=True)
class Corpus:
    """Lines to be spoken, each with its kind, in the order in which they are worth having."""

    lines: list[tuple[str, str]]
    valid: list[str]
    test: list[str]


def word_list() -> list[str]:
    """Lower-case words, contractions included, possessives not."""
    words = set(WORD_LIST.read_text(encoding="utf-8").lower().split())
    for index in WORDNET.glob("index.*"):
        words |= {line.split(" ", 1)[0] for line in index.read_text(encoding="latin-1").splitlines()}
    return sorted(w for w in words if re.fullmatch(r"[a-z]+(?:'(?!s$)[a-z]+)?", w))


def sentences(minimum: int = 3, maximum: int = 22) -> list[str]:
    """Different plain sentences of ``minimum`` to ``maximum`` words, in a fixed order."""
    found: dict[str, None] = {}
    for raw in _raw_sentences():
        line = " ".join(raw.split())
        words = line.split()
        if minimum <= len(words) <= maximum and PLAIN.fullmatch(line) and _prose(words):
            found.setdefault(line)
    return sorted(found, key=_mixed)


def _prose(words: list[str]) -> bool:
    lower = sum(w.strip(",.'?!;:()").islower() for w in words)
    return lower >= 0.6 * len(words) and all(len(w) < 20 for w in words)


def _raw_sentences() -> Iterator[str]:
    for data in sorted(WORDNET.glob("data.*")):
        for line in data.read_text(encoding="latin-1").splitlines():
            gloss = line.partition(" | ")[2]
            for example in re.findall(r'"([^"]+)"', gloss):
                yield example if example[-1:] in ".?!" else example + "."
            definition = gloss.partition(";")[0].strip()
            if definition and not definition.startswith("("):
                yield definition
    for page in sorted(HANDBOOK.glob("*.html")):
        text = page.read_text(encoding="utf-8")
        for paragraph in re.findall(r'<div class="para">(.*?)</div>', text, re.DOTALL):
            yield from _split(html.unescape(re.sub(r"<[^>]+>", "", paragraph)))
    for doc in _docstrings():
        for paragraph in re.split(r"\n\s*\n", doc):
            if not re.search(r">>>|::|[`*_=\\{}|<>@#/]", paragraph):
                yield from _split(paragraph)


def _docstrings() -> Iterator[str]:
    paths = sysconfig.get_paths()
    roots = [Path(paths["stdlib"])] + [Path(paths["purelib"]) / name for name in DOCSTRING_PACKAGES]
    for root in roots:
        for file in sorted(root.rglob("*.py")):
            if root == roots[0] and ("site-packages" in file.parts or "test" in file.parts):
                continue
            try:
                tree = ast.parse(file.read_text(encoding="utf-8"))
            except (SyntaxError, UnicodeDecodeError, ValueError):
                continue  # test data that is broken on purpose
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                    yield ast.get_docstring(node) or ""


def _split(paragraph: str) -> list[str]:
    return re.split(r"(?<=[.?!])\s+", paragraph.strip())


def _mixed(line: str) -> str:
    """A key that shuffles the same way everywhere."""
    return hashlib.sha1(line.encode()).hexdigest()


MIX = (
    (30_000, (6, 12, 2, 3, 77)),
    (10_000, (30, 16, 7, 6, 41)),
    (0, (70, 10, 8, 4, 8)),
)
"""From which line on: how many are short phrases, random words, keys, numbers, sentences. Words first; then it takes
many sentences to learn how long every phone is in its place."""


def gather(prose: list[str], known: Iterable[str], count: int, seed: int = 0) -> Corpus:
    """``count`` training lines out of sentences and known words; validation and test sentences are in none of them."""
    rng = random.Random(seed)
    plain = [s for s in prose if re.fullmatch(r"[A-Z]?[a-z ,']+\.", s) and 5 <= len(s.split()) <= 14]
    valid, test = plain[:100], plain[100:300]
    held = set(valid) | set(test)
    prose = [s for s in prose if s not in held]
    frequent = [w for s in prose for w in re.findall(r"[a-z']+", s.lower())]
    listed = sorted(w for w in known if len(w) > 1 and w[0].islower())
    makers = {
        "short": lambda: phrase(rng, listed, frequent, 1, 3),
        "random": lambda: phrase(rng, listed, frequent, 4, 10),
        "keys": lambda: key(rng),
        "number": lambda: number(rng),
    }
    lines: list[tuple[str, str]] = [("keys", k) for k in every_key()]
    take = iter(prose)
    while len(lines) < count:
        weights = next(weights for begin, weights in MIX if len(lines) >= begin)
        kind = rng.choices(("short", "random", "keys", "number", "sentence"), weights)[0]
        line = next(take, None) if kind == "sentence" else makers[kind]()
        if line:
            lines.append((kind, line))
    first = lines[: len(every_key())]
    rest = lines[len(first) :]
    return Corpus(rest[:400] + first + rest[400:], valid, test)


def phrase(rng: random.Random, listed: list[str], frequent: list[str], low: int, high: int) -> str:
    """Words thrown together, so that the model must read instead of guess."""
    words = [rng.choice(listed if rng.random() < 0.5 else frequent) for _ in range(rng.randint(low, high))]
    words = [w.capitalize() if rng.random() < 0.1 else w for w in words]
    if len(words) > 4 and rng.random() < 0.5:
        words[rng.randrange(1, len(words) - 1)] += ","
    return " ".join(words) + rng.choices(("", ".", "?", "!", ","), (45, 40, 7, 5, 3))[0]


def every_key() -> list[str]:
    letters = list("abcdefghijklmnopqrstuvwxyz0123456789")
    names = [part for group in KEYS.split(",") for part in _group(group)] + SCREEN.split(",")
    return letters + [c.upper() for c in letters[:26]] + names + [str(n) for n in range(10, 101)]


def _group(group: str) -> list[str]:
    words = group.split()
    return words if len(words) > 3 else [group]


def key(rng: random.Random) -> str:
    """What a screen reader says between sentences."""
    names = every_key()
    letters = names[:36]
    shape = rng.randrange(5)
    if shape == 0:
        return " ".join(rng.choice(letters).upper() for _ in range(rng.randint(2, 6)))
    if shape == 1:
        return f"{rng.choice(('control', 'alt', 'shift', 'cap', 'letter', 'key'))} {rng.choice(letters).upper()}"
    if shape == 2:
        return f"{rng.choice(names)} {rng.choice(names)}"
    if shape == 3:
        return f"{rng.choice(SCREEN.split(','))}, {rng.choice(names)}"
    return f"{rng.choice(('heading level', 'line', 'row', 'column', 'item', 'page'))} {rng.randint(1, 99)}"


def number(rng: random.Random) -> str:
    n = int(10 ** rng.uniform(0, 6))
    return rng.choice(
        (
            str(n),
            f"{n:,}",
            f"{rng.randint(0, 99)}.{rng.randint(0, 999)}",
            f"{rng.randint(1, 100)}%",
            str(rng.randint(1900, 2040)),
            f"{rng.randint(0, 23)}:{rng.randint(0, 59):02d}",
            f"{rng.randint(1990, 2040)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
            f"${n % 1000}.{rng.randint(1, 99):02d}",
            f"{rng.randint(1, 9)}.{rng.randint(0, 30)}.{rng.randint(0, 30)}",
            f"{n % 100 + 1} {rng.choice(('files', 'percent', 'minutes', 'items', 'of'))} {n % 1000 + 2}",
        )
    )
