"""Written forms and their spoken forms: abbreviations, units, symbols, names of months and days."""

from __future__ import annotations

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
MONTH_NUMBERS = {
    **{name: number for number, name in enumerate(MONTHS, 1)},
    **{name[:3]: number for number, name in enumerate(MONTHS, 1)},
    "Sept": 9,
}

DAYS = {
    "Mon": "monday",
    "Tue": "tuesday",
    "Tues": "tuesday",
    "Wed": "wednesday",
    "Thu": "thursday",
    "Thur": "thursday",
    "Thurs": "thursday",
    "Fri": "friday",
    "Sat": "saturday",
    "Sun": "sunday",
}

TITLES = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "prof": "professor", "rev": "reverend", "gen": "general",
    "col": "colonel", "sgt": "sergeant", "capt": "captain", "lt": "lieutenant", "cmdr": "commander",
    "maj": "major", "gov": "governor", "sen": "senator", "rep": "representative", "pres": "president",
    "hon": "honorable", "mt": "mount", "ft": "fort", "messrs": "messieurs",
}  # fmt: skip
"""Expanded before a name; the period never ends a sentence."""

ABBREVIATIONS = {
    "vs": "versus", "approx": "approximately", "fig": "figure", "figs": "figures", "vol": "volume",
    "vols": "volumes", "ext": "extension", "tel": "telephone", "cf": "compare", "eq": "equation",
    "sec": "section", "ch": "chapter", "pp": "pages", "ed": "edition", "eds": "editors", "misc": "miscellaneous",
    "univ": "university", "assn": "association", "dept": "department", "govt": "government", "est": "established",
    "ca": "circa", "min": "minimum", "max": "maximum", "avg": "average", "incl": "including", "hwy": "highway",
    "apt": "apartment", "bldg": "building", "intl": "international", "natl": "national",
}  # fmt: skip
"""Expanded before a period, which does not end the sentence if a lower-case letter or a digit follows."""

ENDINGS = {
    "etc": "et cetera", "inc": "incorporated", "ltd": "limited", "corp": "corporation", "co": "company",
    "jr": "junior", "sr": "senior", "bros": "brothers", "esq": "esquire", "ave": "avenue", "blvd": "boulevard",
    "rd": "road", "ln": "lane", "pkwy": "parkway", "sq": "square",
}  # fmt: skip
"""Expanded before a period, which may also end the sentence."""

BARE = frozenset(
    {"mr", "mrs", "vs", "etc", "jr", "ltd", "inc", "prof", "blvd", "approx", "dept", "govt", "capt", "sgt"}
)
"""Abbreviations that are also recognized without a period, as in British usage."""

PHRASES = {
    "i.e.": "that is", "e.g.": "for example", "a.k.a.": "also known as", "n.b.": "note well",
    "ph.d.": "p h d", "p.s.": "p s", "w/o": "without", "w/": "with", "c/o": "care of", "n/a": "not applicable",
    "and/or": "and or", "et al.": "et al",
}  # fmt: skip

STARTERS = frozenset(
    (
        "The A An He She It They We You I In On At But And Or So This That These Those There Then When While If As "
        "After Before For From With Who What Where Why How His Her Its Their Our My Your No Not Yes Now Here One Some "
        "Many"
    ).split()
)
"""After an abbreviation, these capitalized words start a sentence rather than continue a name."""

NUMBERED = frozenset(
    (
        "chapter part volume vol act scene section book war phase type class level article episode figure fig table "
        "stage appendix title grade mark page bowl season unit step group category"
    ).split()
)
"""A Roman numeral after one of these is a plain number."""

RULERS = frozenset(
    (
        "henry louis elizabeth george charles edward james william richard philip peter catherine alexander napoleon "
        "nicholas francis frederick ferdinand leo pius paul benedict gregory innocent urban clement mary margaret "
        "ivan otto wilhelm ramses ramesses thutmose alfonso carlos felipe juan xerxes darius alexios constantine "
        "justinian john robert david malcolm stephen harold haakon olaf gustav christian umberto victor emmanuel "
        "leopold albert pope king queen emperor"
    ).split()
)
"""A Roman numeral after one of these names is an ordinal: Henry the eighth."""

PLAIN_ROMANS = frozenset("II III VI VII VIII IX XI XII XIII XIV XV XVI XVII XVIII XIX XX XXI".split())
"""Roman numerals that are read as numbers in any context."""

# Unit: (singular, plural); matched exactly, then ignoring case.
UNITS = {
    "mm": ("millimeter", "millimeters"), "cm": ("centimeter", "centimeters"), "m": ("meter", "meters"),
    "km": ("kilometer", "kilometers"), "ft": ("foot", "feet"), "yd": ("yard", "yards"), "mi": ("mile", "miles"),
    "in.": ("inch", "inches"), "mg": ("milligram", "milligrams"), "g": ("gram", "grams"),
    "kg": ("kilogram", "kilograms"), "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"), "ml": ("milliliter", "milliliters"), "l": ("liter", "liters"),
    "L": ("liter", "liters"), "gal": ("gallon", "gallons"), "ms": ("millisecond", "milliseconds"),
    "s": ("second", "seconds"), "sec": ("second", "seconds"), "min": ("minute", "minutes"), "h": ("hour", "hours"),
    "hr": ("hour", "hours"), "hrs": ("hour", "hours"), "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"), "km/h": ("kilometer per hour", "kilometers per hour"),
    "m/s": ("meter per second", "meters per second"), "kb": ("kilobyte", "kilobytes"),
    "mb": ("megabyte", "megabytes"), "gb": ("gigabyte", "gigabytes"), "tb": ("terabyte", "terabytes"),
    "Mbps": ("megabit per second", "megabits per second"), "hz": ("hertz", "hertz"), "khz": ("kilohertz", "kilohertz"),
    "mhz": ("megahertz", "megahertz"), "ghz": ("gigahertz", "gigahertz"), "V": ("volt", "volts"),
    "W": ("watt", "watts"), "kw": ("kilowatt", "kilowatts"), "kwh": ("kilowatt hour", "kilowatt hours"),
    "mw": ("megawatt", "megawatts"), "mW": ("milliwatt", "milliwatts"), "db": ("decibel", "decibels"),
    "pa": ("pascal", "pascals"),
    "hpa": ("hectopascal", "hectopascals"), "kcal": ("kilocalorie", "kilocalories"),
    "rpm": ("revolution per minute", "revolutions per minute"), "dpi": ("dot per inch", "dots per inch"),
    "m^2": ("square meter", "square meters"), "m^3": ("cubic meter", "cubic meters"),
    "cm^2": ("square centimeter", "square centimeters"), "cm^3": ("cubic centimeter", "cubic centimeters"),
    "km^2": ("square kilometer", "square kilometers"), "ft^2": ("square foot", "square feet"),
    "sq ft": ("square foot", "square feet"), "°C": ("degree celsius", "degrees celsius"),
    "°F": ("degree fahrenheit", "degrees fahrenheit"), "°": ("degree", "degrees"), "%": ("percent", "percent"),
    "¢": ("cent", "cents"), "€": ("euro", "euros"), "£": ("pound", "pounds"), "USD": ("dollar", "dollars"),
    "EUR": ("euro", "euros"), "GBP": ("pound", "pounds"), "JPY": ("yen", "yen"),
}  # fmt: skip

# Currency sign: (singular, plural, cent, cents).
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₩": ("won", "won", "jeon", "jeon"),
}

MAGNITUDES = {
    "k": "thousand", "thousand": "thousand", "m": "million", "mn": "million", "mio": "million", "million": "million",
    "b": "billion", "bn": "billion", "billion": "billion", "tn": "trillion", "trillion": "trillion",
}  # fmt: skip

SYMBOLS = {
    "&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "°": "degrees", "§": "section",
    "©": "copyright", "®": "registered", "™": "trademark", "×": "times", "÷": "divided by", "±": "plus or minus",
    "<": "less than", ">": "greater than", "≤": "less than or equal to", "≥": "greater than or equal to",
    "≠": "not equal to", "≈": "approximately", "∞": "infinity", "√": "square root of", "/": "slash",
    "\\": "backslash", "¢": "cents", "−": "minus", "→": "to", "¬": "not", "∑": "sum", "∂": "partial", "∫": "integral",
    "‰": "per mille",
    **{sign: names[1] for sign, names in CURRENCIES.items()},
}  # fmt: skip

GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψω",
        (
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon "
            "phi chi psi omega"
        ).split(),
        strict=True,
    )
)
"""Names of Greek letters, for a letter that stands alone, as in formulas."""
