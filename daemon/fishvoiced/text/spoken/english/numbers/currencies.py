"""Money: "$3.50", "₹500", "50¢", "5 EUR", "$1.2M", "-$5", "$5/month"."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from fishvoiced.text.spoken.english.numbers.cardinals import NUMBER, cardinal, decimal

# sign or code: (one, several, one hundredth, several hundredths; "" where nobody counts them)
_DOLLAR = ("dollar", "dollars", "cent", "cents")
_EURO = ("euro", "euros", "cent", "cents")
_POUND = ("pound", "pounds", "penny", "pence")
CURRENCIES: dict[str, tuple[str, str, str, str]] = {
    "$": _DOLLAR, "€": _EURO, "£": _POUND, "¥": ("yen", "yen", "", ""), "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "", ""), "₽": ("ruble", "rubles", "kopeck", "kopecks"), "₺": ("lira", "lira", "", ""),
    "₫": ("dong", "dong", "", ""), "฿": ("baht", "baht", "satang", "satang"), "₴": ("hryvnia", "hryvnias", "", ""),
    "₦": ("naira", "naira", "kobo", "kobo"), "₱": ("peso", "pesos", "centavo", "centavos"),
    "₪": ("shekel", "shekels", "agora", "agorot"), "₿": ("bitcoin", "bitcoins", "", ""),
    "Rs": ("rupee", "rupees", "paisa", "paise"), "Rs.": ("rupee", "rupees", "paisa", "paise"),
    "₡": ("colon", "colones", "", ""), "₨": ("rupee", "rupees", "", ""), "₵": ("cedi", "cedis", "", ""),
    "₸": ("tenge", "tenge", "", ""), "₾": ("lari", "lari", "", ""), "₮": ("tugrik", "tugriks", "", ""),
    "US$": ("U S dollar", "U S dollars", "cent", "cents"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CA$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "R$": ("real", "reais", "centavo", "centavos"), "HK$": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "USD": ("U S dollar", "U S dollars", "cent", "cents"), "EUR": _EURO, "GBP": _POUND,
    "JPY": ("yen", "yen", "", ""), "INR": ("rupee", "rupees", "paisa", "paise"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"), "CNY": ("yuan", "yuan", "", ""),
    "RMB": ("yuan", "yuan", "", ""), "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"), "KRW": ("won", "won", "", ""),
    "SEK": ("Swedish krona", "Swedish kronor", "", ""), "NOK": ("Norwegian krone", "Norwegian kroner", "", ""),
    "DKK": ("Danish krone", "Danish kroner", "", ""), "PLN": ("zloty", "zlotys", "", ""),
    "元": ("yuan", "yuan", "", ""), "円": ("yen", "yen", "", ""), "원": ("won", "won", "", ""),
    "BRL": ("real", "reais", "centavo", "centavos"), "MXN": ("Mexican peso", "Mexican pesos", "centavo", "centavos"),
}  # fmt: skip
_SMALL_SIGNS = {"¢": ("cent", "cents"), "￠": ("cent", "cents")}
_SCALES = {"k": "thousand", "K": "thousand", "M": "million", "m": "million", "mn": "million", "mm": "million",
           "bn": "billion", "B": "billion", "b": "billion", "T": "trillion", "tn": "trillion", "trn": "trillion",
           "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion"}  # fmt: skip

_SIGN = (
    r"(?:US|CA|HK|[ACR])?\$|[€£¥₠-₿฿]|(?<=[\d ])[元円원]|\bRs\.?(?=\s?\d)"
    r"|\b(?:USD|EUR|GBP|JPY|INR|CHF|CNY|RMB|CAD|AUD|KRW|SEK|NOK|DKK|PLN|BRL|MXN)(?![A-Za-z])"
)
_SCALE = "|".join(sorted(_SCALES, key=len, reverse=True))
_EUROPEAN = (  # 1.299,00; of euros also 1.299
    r"(?P<european>\d{1,3}(?:\.\d{3}){0,4},\d{2}(?!\d)|(?:(?<=€)|(?<=€ ))\d{1,3}(?:\.\d{3}){1,4}(?![\d.,]\d)"
    r"|\d{1,3}(?:\.\d{3}){1,4}(?=\s?€))"
)
_AMOUNT = rf"(?P<low>{NUMBER})(?:\s?(?:[-–—]|to)\s?(?:{_SIGN})?(?P<high>{NUMBER}))?"
BEFORE = re.compile(
    rf"(?P<minus>[-−]\s?)?(?P<sign>{_SIGN})\s?(?P<minus2>[-−])?(?:{_EUROPEAN}|{_AMOUNT})(?:\s?(?P<scale>{_SCALE})\b)?"
    r"(?!\w)(?:\s?/\s?(?P<per>[A-Za-z]{1,12})\b)?"
)
BEHIND = re.compile(
    rf"(?P<minus>[-−])?(?:{_EUROPEAN}(?=\s?(?:€|EUR|CHF|PLN|SEK|NOK|DKK|BRL))|{_AMOUNT})"
    rf"\s?(?P<scale>(?:{_SCALE})\b)?\s?(?P<sign>{_SIGN}|[¢￠])(?![\w.]\d|\w)(?:\s?/\s?(?P<per>[A-Za-z]{{1,12}})\b)?"
)
_PER = {"h": "hour", "hr": "hour", "mo": "month", "yr": "year", "wk": "week", "d": "day", "kg": "kilogram",
        "lb": "pound", "l": "liter", "L": "liter", "gal": "gallon", "g": "gram", "m": "meter", "km": "kilometer",
        "kWh": "kilowatt hour", "min": "minute", "GB": "gigabyte", "s": "second", "oz": "ounce"}  # fmt: skip


def read(match: re.Match[str]) -> str:
    """Words for a match of `BEFORE` or `BEHIND`."""
    groups = match.groupdict()
    minus = "minus " if groups["minus"] or groups.get("minus2") else ""
    low, high = groups["low"], groups["high"]
    if groups.get("european"):
        low, high = groups["european"].replace(".", "").replace(",", "."), None
    scale = _SCALES.get(groups["scale"] or "", "")
    words = _amount(low, high, scale, groups["sign"])
    return minus + words + _rate(groups["per"])


def _rate(per: str | None) -> str:
    if per is None:
        return ""
    return " each" if per.lower() == "ea" else f" per {_PER.get(per, per.lower())}"


def _amount(low: str, high: str | None, scale: str, sign: str) -> str:
    if sign in _SMALL_SIGNS:
        one, many = _SMALL_SIGNS[sign]
        return f"{decimal(low)} {one if low == '1' else many}"
    one, many, cent, cents = CURRENCIES.get(sign) or _by_name(sign)
    if high is not None:
        return f"{decimal(low)} to {decimal(high)}{' ' + scale if scale else ''} {many}"
    whole, _, decimals = low.partition(".")
    if scale or (decimals and (len(decimals) != 2 or not cent)):
        return f"{decimal(low)}{' ' + scale if scale else ''} {many}"
    parts = []
    if int(whole.replace(",", "") or 0) or not int(decimals or 0):
        parts.append(f"{cardinal(whole)} {one if whole == '1' else many}")
    if decimals and int(decimals):
        parts.append(f"{cardinal(str(int(decimals)))} {cent if int(decimals) == 1 else cents}")
    return " and ".join(parts)


@lru_cache(maxsize=64)
def _by_name(sign: str) -> tuple[str, str, str, str]:
    """A sign without an entry: "₠" → "euro currency"."""
    name = unicodedata.name(sign, "currency").lower().replace(" sign", "")
    return name, name + "s", "", ""


def sign_name(sign: str) -> str:
    """What a currency sign without an amount is called."""
    if sign in _SMALL_SIGNS:
        return _SMALL_SIGNS[sign][0]
    return (CURRENCIES.get(sign) or _by_name(sign))[0]
