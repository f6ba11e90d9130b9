"""What English calls signs: inside text, alone, and as operators of code."""

from __future__ import annotations

SYMBOLS = {
    "&": "and", "+": "plus", "=": "equals", "@": "at", "#": "hash", "*": "star", "/": "slash",
    "\\": "backslash", "~": "tilde", "^": "caret", "_": "underscore", "<": "less than",
    ">": "greater than", "|": "pipe", "%": "percent", "`": "backquote",
    "{": "left brace", "}": "right brace", "°": "degrees", "−": "minus",
    "×": "times", "÷": "divided by", "±": "plus or minus", "∓": "minus or plus", "≤": "less than or equal to",
    "≥": "greater than or equal to", "≠": "not equal to", "≈": "approximately", "≡": "identical to",
    "→": "arrow", "←": "left arrow", "↑": "up arrow", "↓": "down arrow", "↔": "left right arrow", "⇒": "implies",
    "⇔": "if and only if", "∞": "infinity", "√": "square root of", "∛": "cube root of", "∑": "sum of",
    "∏": "product of", "∫": "integral of", "∂": "partial", "∇": "nabla", "∈": "in", "∉": "not in",
    "∀": "for all", "∃": "there is", "∅": "empty set", "∩": "intersection", "∪": "union", "⊂": "subset of",
    "∧": "and", "∨": "or", "¬": "not", "∴": "therefore", "∝": "proportional to", "⋅": "times", "∙": "times",
    "©": "copyright", "®": "registered", "™": "trademark", "§": "section", "¶": "paragraph",
    "✓": "check mark", "✔": "check mark", "✗": "cross mark", "✘": "cross mark", "№": "number",
    "‰": "per mille", "‱": "per ten thousand", "′": "prime", "″": "double prime", "µ": "micro",
}  # fmt: skip
LONE = SYMBOLS | {
    ".": "dot", ",": "comma", "?": "question mark", "!": "exclamation mark", ":": "colon",
    ";": "semicolon", "-": "dash", "–": "dash", "—": "dash", "'": "apostrophe", '"': "quote",
    "(": "left paren", ")": "right paren", "[": "left bracket", "]": "right bracket", "$": "dollar",
    " ": "space", "\n": "new line", "\t": "tab", "…": "ellipsis", "•": "bullet", "€": "euro", "£": "pound",
    "’": "apostrophe", "‘": "left quote", "“": "left quote", "”": "right quote", "\r": "return",
}  # fmt: skip
"""Spoken when the mark stands alone (a key being echoed, a cursor over one character) and inside code."""

PAUSES = {",": ",", ";": ",", ":": ",", "—": ",", "–": ",", "(": ",", ")": ",", "[": ",", "]": ",", "…": ".",
          ".": ".", "?": "?", "!": "!", "。": ".", "！": "!", "？": "?", "，": ",", "、": ",", "；": ",", "：": ",",
          "¿": "", "¡": "", "؟": "?", "،": ",", "।": "."}  # fmt: skip
DECORATION = frozenset("*`_•·●○■□▪▫◦‣▶►◆◇─━│┃═║")
"""Typographic in running text, so silent there; said when alone or between blanks beside words of code."""

OPERATORS = {
    "!=": "not equal to", "!==": "not equal to", "==": "equals", "===": "equals", "<=": "less than or equal to",
    ">=": "greater than or equal to", "->": "arrow", "=>": "arrow", "<-": "left arrow", "&&": "and", "||": "or",
    "++": "plus plus", "--": "minus minus", "+=": "plus equals", "-=": "minus equals", "*=": "times equals",
    "/=": "divide equals", ":=": "colon equals", "::": "double colon", "<<": "shift left", ">>": "shift right",
    ">>>": "unsigned shift right",
    "**": "to the power of", "??": "question question", "?.": "question dot", "=~": "matches", "|>": "pipe",
    "<>": "not equal to", "<=>": "compared with", "%=": "percent equals", "|=": "or equals", "&=": "and equals",
    "+/-": "plus or minus", "+-": "plus or minus",
}  # fmt: skip
EMOTICONS = {
    ":)": "smiling", ":-)": "smiling", "=)": "smiling", ":(": "frowning", ":-(": "frowning", ";)": "winking",
    ";-)": "winking", ":D": "grinning", ":-D": "grinning", ":P": "tongue out", ":-P": "tongue out",
    ":p": "tongue out", "<3": "heart", "</3": "broken heart", "¯\\_(ツ)_/¯": "shrugging",
    ":'(": "crying", ":O": "surprised", ":o": "surprised",
    ":/": "unsure", ":-/": "unsure", "^_^": "smiling", "xD": "laughing", "XD": "laughing",
}  # fmt: skip
