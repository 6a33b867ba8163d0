"""Written forms and their spoken forms: abbreviations, currencies, symbols, names of months and days, and others."""

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
    "ph.d.": "p h d", "ph.d.s": "p h d's", "b.sc.": "b s c", "m.sc.": "m s c",
    "p.s.": "p s", "w/o": "without", "w/": "with", "c/o": "care of", "n/a": "not applicable",
    "and/or": "and or", "tl;dr": "t l d r", "b/c": "because", "et al.": "et al", "wi-fi": "wifi",
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

TENTHS = frozenset("alfonso charles gregory john leo louis pius ramesses ramses".split())
"""The rulers of whom there was a tenth; after other names X is the letter (Malcolm X)."""

VERSIONED = frozenset(
    (
        "v ver version versions release python java node nodejs ruby perl php go rust swift kotlin scala julia "
        "django rails react angular vue pytorch torch tensorflow numpy pandas cuda gcc clang llvm linux kernel "
        "ubuntu debian fedora macos ios ipados android windows firefox chrome postgres postgresql mysql sqlite "
        "docker kubernetes git"
    ).split()
)
"""The parts of a version number after one of these are numbers: Python three point eleven."""

NUMBERED_IN_PAIRS = frozenset(
    (
        "room suite flight highway hwy boeing airbus xbox rtx gtx rx geforce radeon ryzen bmw audi mercedes porsche "
        "peugeot ferrari volvo nokia"
    ).split()
)
"""Three or four digits after one of these are read in pairs: Boeing seven forty seven."""

EMERGENCY_NUMBERS = frozenset("000 100 101 108 110 111 112 113 118 119 211 311 411 511 611 711 811 911 988 999".split())
"""Telephone numbers of three digits."""

PLAIN_ROMANS = frozenset("II III VI VII VIII IX XI XII XIII XIV XV XVI XVII XVIII XIX XX XXI".split())
"""Roman numerals that are read as numbers in any context."""

# Currency sign: (singular, plural, cent, cents); without cents, fractions are read as decimals.
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₿": ("bitcoin", "bitcoins", "", ""),
    "₪": ("shekel", "shekels", "agora", "agorot"),
    "₺": ("lira", "liras", "kurus", "kurus"),
    "₱": ("peso", "pesos", "centavo", "centavos"),
    "₦": ("naira", "naira", "kobo", "kobo"),
    "₴": ("hryvnia", "hryvnias", "kopiyka", "kopiykas"),
    "₫": ("dong", "dong", "xu", "xu"),
    "฿": ("baht", "baht", "satang", "satang"),
}

# Currency code: as for the signs.
CODES = {
    "USD": CURRENCIES["$"], "EUR": CURRENCIES["€"], "GBP": CURRENCIES["£"], "JPY": CURRENCIES["¥"],
    "INR": CURRENCIES["₹"], "RUB": CURRENCIES["₽"], "KRW": CURRENCIES["₩"],
    "CAD": ("canadian dollar", "canadian dollars", "cent", "cents"),
    "AUD": ("australian dollar", "australian dollars", "cent", "cents"),
    "NZD": ("new zealand dollar", "new zealand dollars", "cent", "cents"),
    "CHF": ("swiss franc", "swiss francs", "centime", "centimes"),
    "CNY": ("yuan", "yuan", "fen", "fen"), "SEK": ("krona", "kronor", "ore", "ore"),
    "NOK": ("krone", "kroner", "ore", "ore"), "DKK": ("krone", "kroner", "ore", "ore"),
    "R$": ("real", "reais", "centavo", "centavos"), "BRL": ("real", "reais", "centavo", "centavos"),
    "MXN": ("peso", "pesos", "centavo", "centavos"), "ZAR": ("rand", "rand", "cent", "cents"),
    "BTC": CURRENCIES["₿"],
}  # fmt: skip

DOLLARS = {
    "US": "", "A": "australian", "AU": "australian", "C": "canadian", "CA": "canadian", "NZ": "new zealand",
    "HK": "hong kong", "S": "singapore", "NT": "taiwan",
}  # fmt: skip
"""What stands before a dollar sign, and how it is read."""

MAGNITUDES = {
    "k": "thousand", "thousand": "thousand", "m": "million", "mn": "million", "mio": "million", "million": "million",
    "b": "billion", "bn": "billion", "billion": "billion", "t": "trillion", "tn": "trillion", "trn": "trillion",
    "trillion": "trillion", "mil": "million", "mln": "million",
}  # fmt: skip

SYMBOLS = {
    "&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "°": "degrees", "§": "section",
    "©": "copyright", "®": "registered", "™": "trademark", "×": "times", "÷": "divided by", "±": "plus or minus",
    "<": "less than", ">": "greater than", "≤": "less than or equal to", "≥": "greater than or equal to",
    "≠": "not equal to", "≈": "approximately", "∞": "infinity", "√": "square root of", "/": "slash",
    "\\": "backslash", "¢": "cents", "−": "minus", "→": "to", "¬": "not", "∑": "sum", "∂": "partial", "∫": "integral",
    "‰": "per mille", "★": "star",
    **{sign: names[1] for sign, names in CURRENCIES.items()},
}  # fmt: skip

SIGNS = {
    "+/-": "plus or minus", "<=": "less than or equal to", ">=": "greater than or equal to", "!=": "not equal to",
    "==": "equals", "->": "to", "=>": "to", "-->": "to", "&&": "and", "§§": "sections", "~/": "tilde slash",
}  # fmt: skip
"""Symbols of several characters."""

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
