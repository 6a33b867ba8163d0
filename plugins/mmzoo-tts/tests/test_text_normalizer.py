"""What the normaliser says, case by case."""

from __future__ import annotations

import time

import pytest
from mmzoo_tts.text import Break, Spoken, normalize
from mmzoo_tts.text.numbers import cardinal, digits, ordinal, roman, to_roman, year

from mmzoo.errors import InputError

KNOWN = frozenset(
    (
        "nasa who it us the dog ran fast cat hello opec tv ok github "
        "mcdonald's youtube phone pay is this a man in love unesco covid said bay"
    ).split()
)

CASES = {
    # cardinal numbers
    "0": "zero", "7": "seven", "13": "thirteen", "20": "twenty", "45": "forty five", "100": "one hundred",
    "101": "one hundred one", "999": "nine hundred ninety nine", "1,000": "one thousand",
    "12,345": "twelve thousand three hundred forty five", "1000000": "one million",
    "1,234,567,000": "one billion two hundred thirty four million five hundred sixty seven thousand",
    "1000000000000000": "one quadrillion", "3.14": "three point one four", "0.5": "zero point five",
    ".5": "zero point five", "-5": "minus five", "−12.5": "minus twelve point five", "+7": "plus seven",
    "007": "zero zero seven", "1,234.5": "one thousand two hundred thirty four point five", "(-3)": "minus three",
    # ordinals
    "1st": "first", "2nd": "second", "3rd": "third", "5th": "fifth", "8th": "eighth", "12th": "twelfth",
    "20th": "twentieth", "22nd": "twenty second", "100th": "one hundredth", "1,000th": "one thousandth",
    # years and decades
    "in 1999": "in nineteen ninety nine", "in 1905": "in nineteen oh five", "in 1900": "in nineteen hundred",
    "in 2005": "in two thousand five", "in 2000": "in two thousand", "in 2024": "in twenty twenty four",
    "the 1900s": "the nineteen hundreds", "the 1960s": "the nineteen sixties", "the '90s": "the nineties",
    "the 80s": "the eighties", "summer of '69": "summer of sixty nine", "'05": "oh five",
    # times
    "10:45": "ten forty five", "10:05 pm": "ten oh five p m", "7:00": "seven o'clock", "12 a.m.": "twelve a m",
    "7pm": "seven p m", "7 P.M.": "seven p m", "13:00": "thirteen hundred", "00:30": "zero thirty",
    "1:02:03": "one oh two and three seconds", "3:16": "three sixteen",
    # money
    "$3.50": "three dollars and fifty cents", "£5": "five pounds", "$1": "one dollar", "$0.99": "ninety nine cents",
    "€1,200.75": "one thousand two hundred euros and seventy five cents", "$2 million": "two million dollars",
    "$1.5bn": "one point five billion dollars", "50¢": "fifty cents", "$1.01": "one dollar and one cent",
    "-$5": "minus five dollars", "US$5": "five dollars", "£0.01": "one penny", "£2.50": "two pounds and fifty pence",
    "¥300": "three hundred yen", "5€": "five euros", "$10k": "ten thousand dollars", "20 USD": "twenty dollars",
    # dates
    "March 3rd 2024": "march third twenty twenty four", "3/4/2024": "march fourth twenty twenty four",
    "2024-03-04": "march fourth twenty twenty four", "Jan. 5": "january fifth",
    "25/12/2020": "december twenty fifth twenty twenty",
    "5 March 2024": "the fifth of march twenty twenty four",
    "December 25, 2020": "december twenty fifth twenty twenty",
    "Sept. 2005": "september two thousand five", "7/4/76": "july fourth nineteen seventy six",
    "Mon., Jan. 5": "monday, january fifth",
    # units
    "5 km": "five kilometers", "10kg": "ten kilograms", "3 ft": "three feet", "1 ft": "one foot",
    "20°C": "twenty degrees celsius", "-3.5 °F": "minus three point five degrees fahrenheit",
    "60 mph": "sixty miles per hour",
    "5%": "five percent", "50 %": "fifty percent", "100 km/h": "one hundred kilometers per hour",
    "16GB": "sixteen gigabytes",
    "3 GHz": "three gigahertz", "10 m²": "ten square meters", "5 µm": "five micrometers",
    "5'10\"": "five feet ten inches",
    "5-10 km": "five to ten kilometers", "90°": "ninety degrees", "1 lb": "one pound", "8 oz": "eight ounces",
    # fractions
    "1/2": "one half", "3/4": "three quarters", "2 1/2": "two and one half", "7/8": "seven eighths", "½": "one half",
    "2½ miles": "two and one half miles", "24/7": "twenty four seven", "5/200": "five over two hundred",
    "1/3": "one third",
    # ranges and telephone numbers
    "5-10": "five to ten", "1999-2005": "nineteen ninety nine to two thousand five", "5–10": "five to ten",
    "$5-$10": "five dollars to ten dollars", "555-1234": "five five five, one two three four",
    "(555) 123-4567": "five five five, one two three, four five six seven", "3:2": "three to two",
    "555-123-4567": "five five five, one two three, four five six seven", "1.2.3": "one point two point three",
    # Roman numerals
    "Henry VIII": "henry the eighth", "chapter IV": "chapter four", "World War II": "world war two",
    "Louis XIV": "louis the fourteenth", "Rocky III": "rocky three",
    "Elizabeth I, queen": "elizabeth the first, queen",
    "Part I": "part one", "I am": "i am", "King George VI": "king george the sixth",
    # abbreviations
    "Dr. Smith": "doctor smith", "Oak Dr. now": "oak drive now", "St. James": "saint james",
    "Main St.": "main street",
    "St. James St.": "saint james street", "Mr. and Mrs. Brown": "mister and missus brown",
    "Prof. Green": "professor green",
    "cats vs. dogs": "cats versus dogs", "etc.": "et cetera", "e.g. cats": "for example cats",
    "i.e. dogs": "that is dogs",
    "No. 5": "number five", "No. Not now": "no. not now", "5th Ave.": "fifth avenue",
    "Apple Inc. said": "apple incorporated said",
    "John Jr. is": "john junior is", "Mt. Everest": "mount everest", "approx. 5": "approximately five",
    "fig. 3": "figure three",
    "p. 12": "page twelve", "J. R. R. Tolkien": "j r r tolkien", "plan B. The end": "plan b. the end",
    # acronyms and mixed words
    "NASA said": "nasa said", "FBI": "f b i", "the FBI's": "the f b i's", "CEOs": "c e o's", "U.S.A.": "u s a",
    "in the U.S. It is": "in the u s. it is", "B2B": "b two b", "3D": "three d", "COVID-19": "covid nineteen",
    "mp3": "m p three", "H2O": "h two o", "F-16": "f sixteen", "YouTube": "youtube", "eBay": "e bay", "iOS": "i o s",
    "THE DOG RAN": "the dog ran", "Ph.D.": "p h d", "4x4": "four by four", "2*3": "two times three",
    # addresses and symbols
    "foo@bar.com": "foo at bar dot com", "www.foo.com": "w w w dot foo dot com",
    "https://x.org/a_b": "h t t p s x dot org slash a underscore b", "See example.org.": "see example dot org.",
    "a & b": "a and b", "x = y + z": "x equals y plus z", "#5": "number five", "#love": "hashtag love",
    "x^2": "x squared",
    "10^6": "ten to the power of six", "cats/dogs": "cats slash dogs", "snake_case": "snake underscore case",
    "**bold**": "bold", "node.js": "node dot js", "π": "pi",
    # letters, apostrophes, hyphens
    "café": "cafe", "naïve Zoë": "naive zoe", "Straße": "strasse", "don't": "don't", "don’t": "don't",
    "dogs' tails": "dogs tails",
    "rock 'n' roll": "rock and roll", "'tis": "tis", "well-known": "well known", "ｆｕｌｌ": "full", "ﬁne": "fine",
    # phrase breaks
    "yes, no": "yes, no", "yes - no": "yes - no", "yes—no": "yes - no", "what?!": "what?",
    "so (and so) on": "so, and so, on",
    "one; two: three": "one; two: three", "wait... what": "wait, what", "Wait... What": "wait. what",
    "a\n\nb": "a. b", "a\nb": "a b",
    'he said "hello" to me': "he said hello, to me", "'hello' he said": "hello, he said",
}  # fmt: skip


def test_there_are_enough_cases():
    assert len(CASES) >= 120


@pytest.mark.parametrize("text", CASES)
def test_case(text: str):
    said = str(normalize(text, KNOWN)).replace(" ,", ",")
    assert said.rstrip(".?") == CASES[text].rstrip(".?")


def test_the_last_item_is_a_break_and_none_comes_first():
    for text in (*CASES, "... hello", "(hello", "- a -"):
        items = normalize(text, KNOWN).items
        assert isinstance(items[-1], Break)
        assert isinstance(items[0], Spoken)


@pytest.mark.parametrize(
    ("text", "marks"),
    [("Is it?", "?"), ("Go!", "!"), ("a, b. c?", ",.?"), ("At 5 p.m. We left.", ".."), ("Mr. Brown", ".")],
)
def test_marks(text: str, marks: str):
    assert "".join(item.mark for item in normalize(text).items if isinstance(item, Break)) == marks


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        (" \n\t ", "is empty"),
        ("?!... --", "nothing but punctuation"),
        ("@#%", "nothing but punctuation"),
        ("😀🎉", "only emoji or letters of another script"),
        ("Привет, мир!", "only emoji or letters of another script"),
        ("日本語", "only emoji or letters of another script"),
        ("a\x00b", r"control character U\+0000 at position 1"),
        ("a\x1b[0m", r"control character U\+001B"),
        ("caf\u00e9\x85", r"control character U\+0085"),
        (None, "NoneType"),
        (b"bytes", "bytes"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_own_sentence(text, sentence: str):
    with pytest.raises(InputError, match=sentence):
        normalize(text)


def test_tabs_and_line_breaks_are_spaces():
    assert str(normalize("one\ttwo\r\nthree\rfour")) == "one two three four."


def test_other_scripts_are_set_aside_and_reported():
    normal = normalize("Привет this is 日本 fine 😀 ok 👨‍👩‍👧")
    assert str(normal) == "this is fine ok."
    assert normal.unspoken[:3] == ("Привет", "日本", "😀")
    assert len(normal.unspoken) == 4


def test_numbers():
    assert cardinal(-21) == ["minus", "twenty", "one"]
    assert cardinal(10**15) == ["one", "quadrillion"]
    assert digits("405") == ["four", "zero", "five"]
    assert ordinal(30) == ["thirtieth"]
    assert year(1066) == ["ten", "sixty", "six"]
    assert all(roman(to_roman(number)) == number for number in range(1, 4000))
    assert roman("IIII") is None
    assert roman("VX") is None


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox paid $3.50 at 10:45, didn't he? " * 380,
        "1," * 10_000,
        "1,234" * 4_000,
        "1," + "234," * 5_000,
        "1-" * 10_000,
        "1." * 10_000,
        "1/" * 10_000,
        "a." * 10_000,
        "A. " * 6_000,
        "a" * 20_000,
        "9" * 20_000,
        "'a" * 10_000,
        "-" * 19_999 + "a",
        "a@" * 10_000,
        "a-" * 10_000,
        "http://" * 2_500 + "a",
        "\n" * 19_999 + "a",
        ". " * 10_000 + "a",
        "$" * 19_999 + "1",
        " 1:1" * 5_000,
        "Aa" * 10_000,
        "é" * 20_000,
        "日a" * 10_000,
    ],
    ids=lambda text: text[:12],
)
def test_twenty_thousand_characters_are_fast(text: str):
    normalize(text)
    started = time.process_time()
    normalize(text)
    assert time.process_time() - started < 2.0
