"""Units of measurement: their names, alone, with an SI prefix, with a power, and one per another."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from mmzoo_tts.text.numbers import number_words

Names = tuple[str, str]
"""Singular and plural."""

UNITS: dict[str, Names] = {
    "m": ("meter", "meters"), "ft": ("foot", "feet"), "yd": ("yard", "yards"), "yds": ("yard", "yards"),
    "mi": ("mile", "miles"), "in.": ("inch", "inches"), "g": ("gram", "grams"), "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"), "fl oz": ("fluid ounce", "fluid ounces"),
    "kgs": ("kilogram", "kilograms"), "l": ("liter", "liters"), "L": ("liter", "liters"),
    "gal": ("gallon", "gallons"), "s": ("second", "seconds"), "sec": ("second", "seconds"),
    "secs": ("second", "seconds"), "min": ("minute", "minutes"), "mins": ("minute", "minutes"),
    "h": ("hour", "hours"), "hr": ("hour", "hours"), "hrs": ("hour", "hours"), "wk": ("week", "weeks"),
    "wks": ("week", "weeks"), "yr": ("year", "years"), "yrs": ("year", "years"), "ha": ("hectare", "hectares"),
    "mph": ("mile per hour", "miles per hour"), "kph": ("kilometer per hour", "kilometers per hour"),
    "mpg": ("mile per gallon", "miles per gallon"), "psi": ("pound per square inch", "pounds per square inch"),
    "kb": ("kilobyte", "kilobytes"), "KB": ("kilobyte", "kilobytes"),
    "kb/s": ("kilobit per second", "kilobits per second"), "mb": ("megabyte", "megabytes"),
    "gb": ("gigabyte", "gigabytes"), "tb": ("terabyte", "terabytes"), "KiB": ("kibibyte", "kibibytes"),
    "MiB": ("mebibyte", "mebibytes"), "GiB": ("gibibyte", "gibibytes"), "hz": ("hertz", "hertz"),
    "khz": ("kilohertz", "kilohertz"), "mhz": ("megahertz", "megahertz"), "ghz": ("gigahertz", "gigahertz"),
    "kw": ("kilowatt", "kilowatts"), "kwh": ("kilowatt hour", "kilowatt hours"), "mw": ("megawatt", "megawatts"),
    "db": ("decibel", "decibels"), "pa": ("pascal", "pascals"), "hpa": ("hectopascal", "hectopascals"),
    "kcal": ("kilocalorie", "kilocalories"), "cal": ("calorie", "calories"),
    "rpm": ("revolution per minute", "revolutions per minute"), "bpm": ("beat per minute", "beats per minute"),
    "fps": ("frame per second", "frames per second"), "dpi": ("dot per inch", "dots per inch"),
    "pts": ("point", "points"), "cc": ("cubic centimeter", "cubic centimeters"),
    "mcg": ("microgram", "micrograms"), "ly": ("light year", "light years"),
    "ppi": ("pixel per inch", "pixels per inch"), "px": ("pixel", "pixels"), "MP": ("megapixel", "megapixels"),
    "ppm": ("part per million", "parts per million"), "ppb": ("part per billion", "parts per billion"),
    "hp": ("horsepower", "horsepower"), "mol": ("mole", "moles"), "°C": ("degree celsius", "degrees celsius"),
    "°F": ("degree fahrenheit", "degrees fahrenheit"), "°": ("degree", "degrees"), "K": ("kelvin", "kelvins"),
    "tsp": ("teaspoon", "teaspoons"), "tbsp": ("tablespoon", "tablespoons"), "qt": ("quart", "quarts"),
    "pt": ("pint", "pints"), "mmHg": ("millimeter of mercury", "millimeters of mercury"), "%": ("percent", "percent"),
    "‰": ("per mille", "per mille"), "¢": ("cent", "cents"),
}  # fmt: skip
"""Units that are matched exactly or, from two letters on, ignoring case."""

# Base unit: (names, SI prefixes that it is used with, "" for none).
_SI: dict[str, tuple[Names, str]] = {
    "m": (("meter", "meters"), "k c m u n"),
    "g": (("gram", "grams"), "k m u n"),
    "s": (("second", "seconds"), "m u n p"),
    "l": (("liter", "liters"), "m c d u"),
    "L": (("liter", "liters"), "m c d u"),
    "A": (("amp", "amps"), "_ k m u"),
    "V": (("volt", "volts"), "_ k M m u"),
    "W": (("watt", "watts"), "_ k M G T m u"),
    "Wh": (("watt hour", "watt hours"), "_ k M G T m"),
    "Ah": (("amp hour", "amp hours"), "_ m k"),
    "J": (("joule", "joules"), "_ k M G m"),
    "N": (("newton", "newtons"), "_ k M m"),
    "F": (("farad", "farads"), "m u n p"),
    "Pa": (("pascal", "pascals"), "k M G h"),
    "Hz": (("hertz", "hertz"), "_ k M G T m"),
    "Ohm": (("ohm", "ohms"), "_ k M G m"),
    "eV": (("electron volt", "electron volts"), "_ k M G T m"),
    "mol": (("mole", "moles"), "m u n"),
    "bar": (("bar", "bars"), "_ m"),
    "B": (("byte", "bytes"), "k M G T P"),
    "b": (("bit", "bits"), "M G T"),
    "bit": (("bit", "bits"), "k M G T K"),
    "bps": (("bit per second", "bits per second"), "k M G T K"),
    "Bps": (("byte per second", "bytes per second"), "k M G T K"),
    "dB": (("decibel", "decibels"), "_"),
    "Nm": (("newton meter", "newton meters"), "_ k"),
    "atm": (("atmosphere", "atmospheres"), "_"),
}
_PREFIXES = {
    "_": "", "T": "tera", "G": "giga", "M": "mega", "k": "kilo", "K": "kilo", "h": "hecto", "d": "deci", "c": "centi",
    "m": "milli", "u": "micro", "n": "nano", "p": "pico", "P": "peta",
}  # fmt: skip
_PREFIX_PHONES = {
    "tera": "t eh r ax", "giga": "g ih g ax", "mega": "m eh g ax", "kilo": "k ih l ax", "hecto": "hh eh k t ax",
    "deci": "d eh s ax", "centi": "s eh n t ax", "milli": "m ih l ax", "micro": "m ay k r ow", "nano": "n ae n ow",
    "pico": "p iy k ow", "peta": "p eh t ax",
}  # fmt: skip
PREFIXED = {
    prefix + name.split()[0]: (_PREFIX_PHONES[prefix], name.split()[0])
    for names, prefixes in _SI.values()
    for prefix in (_PREFIXES[letter] for letter in prefixes.split() if letter != "_")
    for name in names
}
"""Words with an SI prefix: the phones of the prefix, and the rest."""
_ALL = UNITS | {
    prefix.strip("_") + base: (_PREFIXES[prefix] + names[0], _PREFIXES[prefix] + names[1])
    for base, (names, prefixes) in _SI.items()
    for prefix in prefixes.split()
}
ALONE = sorted(
    {unit for unit in _ALL if not unit.islower() and not unit.isupper() and not unit.istitle() and unit.isalpha()}
    | {"Hz", "km", "kg", "cm", "mm"},
    key=len,
    reverse=True,
)
"""Units that are recognized without a number, because they look like no word or acronym."""
_LENGTHS = frozenset({"m", "km", "cm", "mm", "um", "nm", "ft", "in", "in.", "yd", "mi"})
_ANY_CASE = {unit.lower(): names for unit, names in UNITS.items() if len(unit) > 1 and unit != "MP"}
_AREAS = {"sq": "square", "cu": "cubic"}
_COUNTED = frozenset(
    "second minute hour day night week month year person user item unit piece share serving capita".split()
)
PER = _COUNTED | set(
    "mo h hr min s sec yr wk kg g mg lb oz L l ml mL gal km m cm mi ft m^2 m^3 cm^3 kWh MWh GB TB".split()
)
"""What money is counted per."""
_TERM = r"[A-Za-z]{1,7}(?:\^[23])?"
UNIT = rf"(?:(?i:sq|cu)\b\.? ?[A-Za-z]{{1,3}}\b\.?|°(?: ?[CF]\b)?|[%‰¢]|in\.|fl oz\b|{_TERM})"
"""Pattern of what may be a single unit; `unit_names` decides."""
RATE = rf"{_TERM}/(?:\d{{1,4}} ?)?{_TERM}"
"""Pattern of what may be one unit per another."""
_INVERSE = r"[A-Za-z]{1,5}\^\{?-[1-3]\}?"
INVERSE = rf"(?:{_TERM}|{_INVERSE})(?: {_INVERSE}){{1,2}}|{_INVERSE}"
"""Pattern of what may be units with negative powers: m s^-2."""
_PARTS = re.compile(r"([A-Za-z]+)(?:\^([23]))?")


@lru_cache(1024)
def unit_names(unit: str) -> Names | None:
    """Singular and plural of a unit as `UNIT` or `RATE` matches it, or None if it is not one."""
    if unit in _ALL:
        return _ALL[unit]
    if unit.lower() in _ANY_CASE:
        return _ANY_CASE[unit.lower()]
    if unit.startswith("°"):
        return _ALL.get(unit.replace(" ", ""))
    if area := re.fullmatch(r"(sq|cu)[.\s-]{0,2}([A-Za-z]+)\.?", unit, re.IGNORECASE):
        names = _length(area[2].lower())
        return names and _each(names, lambda name: f"{_AREAS[area[1].lower()]} {name}")
    first, space, last = unit.rpartition(" ")
    if inverse := re.fullmatch(r"([A-Za-z]+)\^\{?-([1-3])\}?", last):
        names = unit_names(first) if space else ("", "")
        root = unit_names(inverse[1] + ("" if inverse[2] == "1" else f"^{inverse[2]}"))
        return _each(names, lambda name: f"{name} per {root[0]}".strip()) if names and root else None
    top, slash, bottom = unit.partition("/")
    if slash:
        names, below = unit_names(top), " ".join(per(bottom))
        if bottom[:1].isdigit() and bottom.lstrip("0123456789 ") == top:  # 8 GB/256 GB
            return None
        return _each(names, lambda name: f"{name} per {below}") if names and below else None
    match = _PARTS.fullmatch(unit)
    if match and match[2] and (names := _length(match[1])):
        return _each(names, lambda name: f"{'square' if match[2] == '2' else 'cubic'} {name}")
    if match and match[2] and (names := unit_names(match[1])):
        return _each(names, lambda name: f"{name} {'squared' if match[2] == '2' else 'cubed'}")
    return None


def per(unit: str) -> list[str]:
    """The words for what something is counted per ("hour" for h, "one hundred kilometers" for 100 km), or none."""
    match = re.fullmatch(r"(\d*) ?(.*)", unit)
    amount, name = match.groups() if match else ("", unit)
    if name in _COUNTED:
        return [name]
    names = ("month", "months") if name == "mo" else unit_names(name)
    if not names:
        return []
    return [*(number_words(amount) if amount else []), *names[amount not in {"", "1"}].split()]


def _length(unit: str) -> Names | None:
    if unit not in _LENGTHS:
        return None
    return ("inch", "inches") if unit == "in" else unit_names(unit)


def _each(names: Names, change: Callable[[str], str]) -> Names:
    return change(names[0]), change(names[1])
