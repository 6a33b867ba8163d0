"""Own pronunciations, pauses and SSML in a text: what is read, what is refused, and what stays ordinary text."""

from __future__ import annotations

import contextlib
import html
import json
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_tts.phonemizer import Phonemizer
from mmzoo_tts.text import PHONES, Break, UserLexicon, normalize
from mmzoo_tts.text.ipa import phones_of_ipa
from mmzoo_tts.text.marked_text import MarkedText, parse
from mmzoo_tts.text.markup import Text
from mmzoo_tts.text.normalizer import NormalText, scan
from mmzoo_tts.text.phones import parse_phones
from mmzoo_tts.text.say_as import KINDS
from mmzoo_tts.text.ssml import STRENGTHS, TAGS

from mmzoo.errors import InputError

LEXICON = {
    "a": "ey", "cat": "k ae t", "dog": "d ao g", "ran": "r ae n", "apple": "ae p ax l", "use": "y uw z", "to": "t ax",
    "us": "ah s", "is": "ih z", "far": "f aa r", "meet": "m iy t", "at": "ae t", "picard": "p ih k aa r d",
    "sat": "s ae t", "second": "s eh k ax n d",
}  # fmt: skip


@pytest.fixture(scope="module")
def phonemizer() -> Phonemizer:
    torch.manual_seed(0)
    model = Phonemizer(width=32, depth=3).eval()
    model.set_lexicon(LEXICON)
    return model


def read(text: str, lexicon: object = None) -> tuple[MarkedText, NormalText]:
    marked = MarkedText(parse(text), UserLexicon.read(lexicon))
    return marked, scan(marked.folded, LEXICON, marked.inserts)


def spoken(text: str, lexicon: object = None) -> str:
    """The words and marks that are said."""
    return str(read(text, lexicon)[1])


def written(text: str) -> list[str]:
    """The written words, each once."""
    marked, normal = read(text)
    return [word for word, continues, _ in marked.words(normal) if word and not continues]


def pauses(text: str) -> list[float]:
    return [item.pause for item in read(text)[1].items if isinstance(item, Break) and item.pause is not None]


# --- pronunciations in the text ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("[cat](d ao g)", "d ao g"),
        ("[CAT](D AO1 G)", "d ao g"),
        ("[cat](/d ao g/)", "d ao g"),
        ("[cat]( d  ao g )", "d ao g"),
        ("[tomato](T AH0 M EY1 T OW2)", "t ax m ey t ow"),
        ("[cat](d ao g)'s", "d ao g z"),
        ("[cat](k ae t)’s", "k ae t s"),
        ("[us](ah s)'ll", "ah s ax l"),
        ("[cat](d ao g)'sat", "d ao g s ae t"),
        ("<speak>the <phoneme ph='d ao g'>cat</phoneme>'s</speak>", "dh ax d ao g z"),
        ("<speak><say-as interpret-as='characters'>AB</say-as>'s far</speak>", "ey b iy z f aa r"),
        ("<speak><say-as interpret-as='ordinal'>2</say-as>'s far</speak>", "s eh k ax n d z f aa r"),
        ("<speak><sub alias='dog'>D</sub>'s</speak>", "d ao g z"),
        ("the [cat](ae t)", "dh iy ae t"),
        ("the [apple](p ax l)", "dh ax p ax l"),
        ("to [New York](n uw y ao r k) far", "t ax n uw y ao r k f aa r"),
        ("[日本](n ih)", "n ih"),
        ("[🍕](p iy t s ax) is", "p iy t s ax ih z"),
        ("[5](f ay v) cat", "f ay v k ae t"),
        ("cat, [dog](k ae t)? dog", "k ae t pau k ae t pau d ao g"),
        ("[far](f aa r)cat", "f aa r k ae t"),
    ],
)
def test_a_word_with_phones(phonemizer: Phonemizer, text: str, phones: str):
    assert " ".join(phonemizer(text).phones) == f"pau {phones} pau"


def test_a_word_with_phones_is_a_word_to_its_neighbors(phonemizer: Phonemizer):
    """A title before it is read as before any name, and a period after an initial does not end the sentence."""
    assert spoken("Capt. [Picard](p ih k aa r d) ran") == spoken("Capt. Picard ran") == "captain picard ran."
    assert spoken("J. [Picard](p ih k aa r d) ran") == "j picard ran."
    assert phonemizer("to [use](y uw s)").phones[3:-1] == ("y", "uw", "s")
    assert phonemizer("[cat](k ae t)").words[0].source == "given"


@pytest.mark.parametrize(
    "text",
    ["[word](zz qq)", "[word](k ae tt)", "[word](K1)", "[word](ae3)", "[word](pau)", "[word](/kæt/)", "[word](ˈkæt)",
     "[sic](see below)", "a [cat](k-ae-t k) [dog](x)"],
)  # fmt: skip
def test_unknown_phones_are_refused_with_the_set(text: str):
    with pytest.raises(InputError) as error:
        parse(text)
    assert all(f" {phone}" in str(error.value) for phone in PHONES if phone != "pau")


@pytest.mark.parametrize(
    "text",
    ["[link](https://example.com)", "[1]", "a[i](3)", "[cat] (k ae t)", "[](k ae t)", "[cat]()", "[ ](k)", "(k ae t)",
     "[pause]", "[pause button]", "[pause now!]", "[paused 1s]", "pause 300ms", "[see [cat](1)]", "[a\nb](k)", "[cat",
     "<speaker>", "3 < 4 > 2", "a <speak>b</speak>", "<break time='1s'/>", "x<speak>", "<Speak>a</Speak>", "& &amp;"],
)  # fmt: skip
def test_other_brackets_are_ordinary_text(text: str):
    assert parse(text) == [Text(text)]


# --- own pronunciations in a file or a mapping ---------------------------------------------------------------

OWN = {
    "nginx": "eh n jh ih n eh k s",
    "US": "y uw eh s",
    "cat": "d ao g",
    "New York": "n uw",
    "C++": "s iy",
    "don't": "d",
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nginx", "eh n jh ih n eh k s"),
        ("NGINX, Nginx", "eh n jh ih n eh k s pau eh n jh ih n eh k s"),
        ("US", "y uw eh s"),
        ("us", "ah s"),
        ("Cat's", "d ao g z"),
        ("cat-dog", "d ao g d ao g"),
        ("[cat](ae t)", "ae t"),
        ("New York", "n uw"),
        ("C++ ran", "s iy r ae n"),
        ("Don’t", "d"),
        ("<speak>cat</speak>", "d ao g"),
        ("<speak><sub alias='cat'>dog</sub></speak>", "d ao g"),
    ],
)
def test_own_pronunciations_come_before_the_lexicon_and_after_inline_ones(phonemizer: Phonemizer, text: str, said: str):
    assert " ".join(phonemizer(text, pronunciations=OWN).phones) == f"pau {said} pau"


@pytest.mark.parametrize("text", ["cats", "concat", "cat.com", "a@cat.com", "1.cat", "cat_dog", "new york", "Uscat"])
def test_own_pronunciations_are_of_whole_words(phonemizer: Phonemizer, text: str):
    assert phonemizer(text, pronunciations=OWN) == phonemizer(text)


def test_a_number_is_not_part_of_another():
    own = {"5": "k ae t"}
    assert spoken("1,5 3.5 5:30 2/5 55", own) == spoken("1,5 3.5 5:30 2/5 55")
    assert [w.source for w in _words("5 (5) 5.", own)] == ["given"] * 3


def _words(text: str, own: object):
    model = Phonemizer(width=32, depth=3).eval()
    return model(text, pronunciations=own).words  # type: ignore[arg-type]


def test_the_exact_spelling_comes_first():
    own = {"polish": "p aa", "Polish": "p ow"}
    assert [w.phones[1] for w in _words("polish Polish POLISH", own)] == ["aa", "ow", "aa"]


def test_pronounce_takes_them(phonemizer: Phonemizer):
    assert phonemizer.pronounce(["cat", "Cat's", "dog", "C++"], pronunciations=OWN) == [
        ("d", "ao", "g"),
        ("d", "ao", "g", "z"),
        ("d", "ao", "g"),
        ("s", "iy"),
    ]


LINES = """\
# a comment
tomato  T AH0 M AA1 T OW2   # British

C#  s iy sh aa r p
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("own.txt", LINES),
        ("own.dict", "\ufeff" + LINES.replace("\n", "\r\n")),
        ("own.json", json.dumps({"tomato": "t ax m aa t ow", "C#": ["s", "iy", "sh", "aa", "r", "p"]})),
    ],
)
def test_files(tmp_path, name: str, content: str):
    path = tmp_path / name
    path.write_bytes(content.encode())
    for source in (path, str(path), UserLexicon.read(path)):
        lexicon = UserLexicon.read(source)
        assert lexicon.lookup("Tomato") == ("t", "ax", "m", "aa", "t", "ow")
        assert lexicon.lookup("C#") == ("s", "iy", "sh", "aa", "r", "p")
        assert len(lexicon) == 2


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"cat k ae t\ndog d zz g\n", "line 2"),
        (b"cat\n", "line 1"),
        (b"cat k ae t\ncat k ae t", "Line 2"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"cat": "k ae t"', "JSON"),
        (b'["cat"]', "JSON"),
        (b'{"cat": 5}', "cat"),
        (b'{"cat": "k ae t", "cat": "d"}', "twice"),
        (b'{"": "k"}', "''"),
        (b'{" cat": "k"}', "' cat'"),
        (b'{"cat": []}', "cat"),
        (b'{"a": ' + b"[" * 100_000, "JSON"),
    ],
)
def test_a_bad_file_is_refused_by_place(tmp_path, content: bytes, names: str):
    path = tmp_path / "own.lexicon"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        UserLexicon.read(path)
    assert names in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize(
    "source", ["missing.txt", 5, ["cat"], {"cat": None}, {5: "k"}, {"cat": "k\u00e6t"}, ".", "\0", "x" * 5000]
)
def test_what_is_not_a_lexicon_is_refused(source: object):
    with pytest.raises(InputError):
        UserLexicon.read(source)


def test_a_large_lexicon_is_fast():
    lexicon = UserLexicon({f"word{i}": "w er d" for i in range(50_000)})
    start = time.process_time()
    found = list(lexicon.split("word7 and word49999 or word50000. " * 3000))
    assert time.process_time() - start < 2
    assert sum(bool(phones) for _, _, phones in found) == 6000


# --- pauses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat [pause 300ms] dog", [0.3]),
        ("cat [pause 1.5s]", [1.5]),
        ("[Pause 2 S] cat", [2.0]),
        ("cat[pause 0ms]dog", [0.0]),
        ("cat, [pause 10s]. dog", [10.0]),
        ("cat [pause 300ms][pause 0.2s] [pause .5s] dog", [1.0]),
        ("cat. [pause 1s] dog [pause 2s] ran", [1.0, 2.0]),
        ("<speak>cat <break time='250ms'/> dog</speak>", [0.25]),
        ("<speak>cat [pause 250ms] dog</speak>", [0.25]),
        ("<speak>cat <break/> dog</speak>", [STRENGTHS["medium"]]),
        ("<speak>cat <break strength='strong' time='1s'/> dog</speak>", [1.0]),
        *[(f"<speak>cat <break strength='{name}'/> dog</speak>", [seconds]) for name, seconds in STRENGTHS.items()],
    ],
)
def test_pauses(text: str, expected: list[float]):
    assert pauses(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "time", ["10.001s", "10001ms", "-1s", "-0.1ms", "300", "5 min", "1e3ms", "1.2.3s", "99999999999s"]
)
def test_other_times_are_refused(time: str):
    for text in (f"cat [pause {time}] dog", f"<speak>cat <break time='{time}'/></speak>"):
        with pytest.raises(InputError, match="0 to 10 s"):
            parse(text)


def test_a_day_of_pauses_is_refused():
    read("cat " + "[pause 10s]" * 360)
    with pytest.raises(InputError, match="3600 s"):
        read("cat " + "[pause 10s]" * 8640)


def test_a_pause_ends_a_phrase_and_not_the_sentence(phonemizer: Phonemizer):
    result = phonemizer("[pause 1s] cat [pause 2s] dog. [pause 3s] a [pause 4s]")
    assert [(phrase.end, phrase.pause) for phrase in result.phrases] == [(",", 2.0), (".", 3.0), (".", 4.0)]
    assert result.lead == 1.0
    assert result.phones == phonemizer("cat, dog. a").phones
    assert phonemizer("cat").lead is None and phonemizer("cat").phrases[0].pause is None


# --- SSML ---------------------------------------------------------------------------------------------------


def ssml(content: str) -> str:
    return f"<speak>{content}</speak>"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("cat &amp; dog &lt;3 &#81;", "cat and dog less than three q."),
        ("cat<!-- not this --> <![CDATA[<dog> & ]]>", "cat less than dog greater than and."),
        ("cat\n\n\n   dog", "cat dog."),
        ("<p><s>cat</s><s>dog.</s></p>ran", "cat. dog. ran."),
        ("<sub alias='World Wide Web'>WWW</sub> cat", "world wide web cat."),
        ("5 <sub alias='km'>k</sub>", "five kilometers."),
        ("<say-as interpret-as='characters'>AB-1c</say-as>", "a b dash one c."),
        ("<say-as interpret-as='spell-out'>cat</say-as>", "c a t."),
        ("<say-as interpret-as='cardinal'>12,345.6</say-as>", "twelve thousand three hundred forty five point six."),
        ("<say-as interpret-as='cardinal'>2024</say-as>", "two thousand twenty four."),
        ("<say-as interpret-as='cardinal'>-7</say-as>", "minus seven."),
        ("<say-as interpret-as='number'>XIV</say-as>", "fourteen."),
        ("<say-as interpret-as='ordinal'>22</say-as>", "twenty second."),
        ("<say-as interpret-as='ordinal'>3rd</say-as>", "third."),
        ("<say-as interpret-as='ordinal'>VIII</say-as>", "eighth."),
        ("<say-as interpret-as='digits'>0042</say-as>", "zero zero four two."),
        ("<say-as interpret-as='date'>3/14/2024</say-as>", "march fourteenth twenty twenty four."),
        ("<say-as interpret-as='date' format='dmy'>4.3.24</say-as>", "march fourth twenty twenty four."),
        ("<say-as interpret-as='date' format='mdy'>4.3.24</say-as>", "april third twenty twenty four."),
        ("<say-as interpret-as='date'>2024-03-14</say-as>", "march fourteenth twenty twenty four."),
        ("<say-as interpret-as='date'>20240314</say-as>", "march fourteenth twenty twenty four."),
        ("<say-as interpret-as='date'>14 September 2024</say-as>", "september fourteenth twenty twenty four."),
        ("<say-as interpret-as='date'>Sept. 14th, 2024</say-as>", "september fourteenth twenty twenty four."),
        ("<say-as interpret-as='date' format='my'>12/1905</say-as>", "december nineteen oh five."),
        ("<say-as interpret-as='date' format='y'>1905</say-as>", "nineteen oh five."),
        ("<say-as interpret-as='date'>2024/12</say-as>", "december twenty twenty four."),
        ("<say-as interpret-as='date'>4 sep</say-as>", "september fourth."),
        ("<say-as interpret-as='date' format='d'>21</say-as>", "twenty first."),
        ("<say-as interpret-as='time'>2:30pm</say-as>", "two thirty p m."),
        ("<say-as interpret-as='time' format='hms24'>14.05</say-as>", "fourteen oh five."),
        ("<say-as interpret-as='time'>7 a.m.</say-as>", "seven a m."),
        ("<say-as interpret-as='telephone'>(555) 12</say-as>", "five five five, one two."),
        ("<say-as interpret-as='telephone'>+1-20 ext. 3</say-as>", "plus one, two zero, extension three."),
        ("<say-as interpret-as='currency'>$3.50</say-as>", "three dollars and fifty cents."),
        ("<say-as interpret-as='currency'>USD 45</say-as>", "forty five dollars."),
        ("<say-as interpret-as='currency'>45 EUR</say-as>", "forty five euros."),
    ],
)
def test_ssml_is_read(content: str, said: str):
    assert spoken(ssml(content)) == said


@pytest.mark.parametrize("start", ["<speak>", "\n  <speak>", "\ufeff<speak>", "<speak\n>", "<speak version='1.1'>"])
@pytest.mark.parametrize("declaration", ["", "<?xml version='1.0'?>", "<?xml version='1.0' encoding='UTF-8'?>\n"])
def test_a_text_that_begins_with_speak_is_ssml(start: str, declaration: str):
    head = start if not declaration else start.lstrip("\ufeff \n")
    assert spoken(f"{declaration}{head}cat</speak>") == "cat."


@pytest.mark.parametrize("character", map(chr, range(33, 127)))
def test_every_character_can_be_spelled(character: str):
    assert len(spoken(ssml(f"<say-as interpret-as='characters'>{html.escape(character)}</say-as>"))) > 1


def test_attributes_of_the_root():
    root = "<speak version='1.1' xmlns='http://www.w3.org/2001/10/synthesis' xml:lang='en-US'>cat</speak>"
    assert spoken(root) == "cat."


@pytest.mark.parametrize(
    ("ipa", "phones"),
    [
        ("ˈkæt", "k ae t"),
        ("ˈwʊstɚ", "w uh s t er"),
        ("tʃiːz", "ch iy z"),
        ("t͡ʃiz", "ch iy z"),
        ("dʒʌdʒ", "jh ah jh"),
        ("ˈbʌtn̩", "b ah t ax n"),
        ("fəˈnɛtɪk", "f ax n eh t ih k"),
        ("ɔɪ aʊ aɪ oʊ eɪ", "oy aw ay ow ey"),
        ("ðɪs ˈθɪŋ", "dh ih s th ih ng"),
        ("ˈviːʒən jɛl", "v iy zh ax n y eh l"),
    ],
)
def test_ipa(phonemizer: Phonemizer, ipa: str, phones: str):
    assert " ".join(phones_of_ipa(ipa, "cat")) == phones
    result = phonemizer(ssml(f'<phoneme alphabet="ipa" ph="{ipa}">cat</phoneme>'))
    assert " ".join(result.phones) == f"pau {phones} pau"


@pytest.mark.parametrize("ipa", ["", "ˈ", "ɒ", "kãt", "xyʔ", "k a t", "日"])
def test_sounds_that_the_voice_lacks_are_refused(ipa: str):
    with pytest.raises(InputError, match="IPA"):
        phones_of_ipa(ipa, "cat")


@pytest.mark.parametrize("alphabet", ["", "alphabet='arpabet'", "alphabet='cmu-arpabet'"])
def test_phonemes(phonemizer: Phonemizer, alphabet: str):
    result = phonemizer(ssml(f"the <phoneme {alphabet} ph='AE1 T'>cat</phoneme>"))
    assert result.phones == ("pau", "dh", "iy", "ae", "t", "pau")
    assert result.words[1].text == "cat"


@pytest.mark.parametrize(
    ("rate", "expected"),
    [("50%", 0.5), ("150%", 1.5), ("+20%", 1.2), ("-20%", 0.8), ("1.5", 1.5), ("x-slow", 0.5), ("slow", 0.75),
     ("medium", 1.0), ("default", 1.0), ("fast", 1.5), ("x-fast", 2.0)],
)  # fmt: skip
def test_rates(phonemizer: Phonemizer, rate: str, expected: float):
    words = phonemizer(ssml(f"cat <prosody rate='{rate}'>dog [far](f aa r) [pause 1s]</prosody> ran")).words
    assert [word.rate for word in words] == pytest.approx([1, expected, expected, 1])


def test_nested_rates_multiply(phonemizer: Phonemizer):
    content = "<prosody rate='50%'>cat <prosody rate='slow'><s>dog</s></prosody> ran</prosody> far"
    assert [word.rate for word in phonemizer(ssml(content)).words] == [0.5, 0.375, 0.5, 1.0]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("<mark name='x'/>", "<mark>"),
        ("<audio src='/etc/passwd'/>", "<audio>"),
        ("<emphasis>cat</emphasis>", "<emphasis>"),
        ("<BREAK/>", "<BREAK>"),
        ("<prosody rate='50%' pitch='high'>cat</prosody>", "pitch"),
        ("<break length='1s'/>", "length"),
        ("<p role='x'>cat</p>", "role"),
        ("<s xml:lang='de-DE'>Katze</s>", "'de-DE'"),
        ("<prosody>cat</prosody>", "rate"),
        ("<prosody rate='0%'>cat</prosody>", "'0%'"),
        ("<prosody rate='-100%'>cat</prosody>", "'-100%'"),
        ("<prosody rate='quick'>cat</prosody>", "'quick'"),
        ("<break strength='huge'/>", "'huge'"),
        ("<break>cat</break>", "break"),
        ("<phoneme>cat</phoneme>", "ph"),
        ("<phoneme alphabet='x-sampa' ph='k'>cat</phoneme>", "'x-sampa'"),
        ("<phoneme ph='zz'>cat</phoneme>", "'zz'"),
        ("<sub>cat</sub>", "alias"),
        ("<sub alias='a'><break/></sub>", "sub"),
        ("<speak>cat</speak>", "speak"),
        ("<say-as>5</say-as>", "interpret-as"),
        ("<say-as interpret-as='shout'>5</say-as>", "'shout'"),
        ("<say-as interpret-as='date' format='dddd'>5</say-as>", "'dddd'"),
        ("<say-as interpret-as='cardinal' format='x'>5</say-as>", "'x'"),
        *[(f"<say-as interpret-as='{kind}'>no way</say-as>", "'no way'") for kind in KINDS[2:]],
        *[(f"<say-as interpret-as='{kind}'></say-as>", kind) for kind in KINDS],
        ("<say-as interpret-as='date'>13/13/2024</say-as>", "13/13/2024"),
        ("<say-as interpret-as='characters'>a🍕</say-as>", "a🍕"),
        ("<say-as interpret-as='time'>25:00</say-as>", "25:00"),
        ("<say-as interpret-as='time'>13:00 pm</say-as>", "13:00 pm"),
        ("<say-as interpret-as='currency'>45</say-as>", "45"),
        ("<say-as interpret-as='ordinal'>1.5</say-as>", "1.5"),
        ("<?php x?>", "php"),
        ("<p>" * 60 + "</p>" * 60, "deep"),
    ],
)  # fmt: skip
def test_what_ssml_does_not_read_is_refused_by_name_and_place(content: str, names: str):
    with pytest.raises(InputError) as error:
        parse(ssml("cat\n" + content))
    assert names in str(error.value) and "line 2, column" in str(error.value)


def test_unknown_tags_and_kinds_are_answered_with_the_known_ones():
    for content, known in (("<x/>", TAGS), ("<say-as interpret-as='x'>a</say-as>", KINDS)):
        with pytest.raises(InputError) as error:
            parse(ssml(content))
        assert all(name in str(error.value) for name in known)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("<speak>a & b</speak>", "line 1, column 11"),
        ("\n\n <speak>\n a <b</speak>", "line 4, column"),
        ("<speak><p>cat</speak>", "line 1, column 16"),
        ("<speak>cat", "line 1, column 11"),
        ("<speak>cat</speak> dog", "line 1, column 20"),
        ("<speak>&nbsp;</speak>", "line 1, column 8"),
        ("<speak a=1>cat</speak>", "line 1, column 10"),
        ("<speak>nul\x00</speak>", "line 1, column 11"),
        ("  <speak><x/></speak>", "line 1, column 10"),
    ],
)
def test_malformed_xml_is_refused_with_its_place(text: str, place: str):
    with pytest.raises(InputError, match=place):
        parse(text)


LAUGHS = "".join(f"<!ENTITY l{i} '{f'&l{i - 1};' * 10}'>" for i in range(1, 10))


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE speak><speak>cat</speak>",
        "<?xml version='1.0'?>\n<!DOCTYPE speak PUBLIC '-//W3C//DTD SYNTHESIS 1.0//EN' 'x.dtd'><speak>cat</speak>",
        "<!DOCTYPE speak [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><speak>&x;</speak>",
        f"<!DOCTYPE speak [<!ENTITY l0 'ha'>{LAUGHS}]><speak>&l9;</speak>",
        "<speak><!DOCTYPE speak>cat</speak>",
        "<speak>" + "cat " * 300_000 + "</speak>",
        "<speak>\ud800</speak>",
    ],
)
def test_nothing_dangerous_is_read(text: str):
    start = time.process_time()
    with pytest.raises(InputError):
        parse(text)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "text", ["[pause 1s]", "[pause 1s]...", "<speak/>", "<speak><break/></speak>", "[pause 1s] 🍕"]
)
def test_a_text_of_pauses_has_nothing_to_say(phonemizer: Phonemizer, text: str):
    with pytest.raises(InputError):
        phonemizer(text)


# --- written words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Meet at 10:45, or 5 km away.", "Meet|at|10:45|or|5 km|away"),
        ("“Naïve” well-known cafés — don't!", "Naïve|well-known|cafés|don't"),
        ("Grüße œuvre 日本 x, ½ 5 µm ok", "Grüße|œuvre|x|½|5|µm|ok"),
        ("call 555-1234\r\nnow\tor GitHub", "call|555-1234|now|or|GitHub"),
        ("one,two (three)four", "one|two|three|four"),
        ("[pause 1s] [Worcester](w uh)'s cat [pause 1s]", "Worcester's|cat"),
        ("Dr. Who paid $3.50.", "Dr.|Who|paid|$3.50"),
        ("<speak>a <sub alias='b'>WWW</sub> <say-as interpret-as='digits'>1-2</say-as> &lt;e</speak>", "a|WWW|1-2|<e"),
        ("no no no", "no|no|no"),
    ],
)  # fmt: skip
def test_written_words_are_as_the_user_wrote_them(text: str, words: str):
    found = written(text)
    # A unit after a number may be read with it.
    assert "|".join(found) == words or "|".join(found).replace("5 µm", "5|µm") == words


# --- any text ------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        "[pause 1s]", "[pause 300ms]", "[pause ", "[cat](k ae t)", "[cat](", "](", "[", "]", "cat", "dog's", " ", "\n",
        ", ", "<speak>", "</speak>", "<s>", "</s>", "<break/>", "<break time='1s'/>", "<prosody rate='50%'>",
        "</prosody>", "<sub alias='x y'>", "</sub>", "<say-as interpret-as='date'>", "</say-as>", "1/2/2024", "&amp;",
        "&", "<", "é", "ß", "日", "😀", "\r\n", "5 µm", "½", "\ue000", "\ue000cat", "'s", "3.5", "10:45", "(", ")",
        "\x00", "\ud800", "e\u0301",
    ]
)  # fmt: skip
ANY = st.one_of(st.text(max_size=50), st.lists(PIECES, max_size=12).map("".join))


@settings(deadline=None, max_examples=250)
@given(st.one_of(ANY, ANY.map(ssml)))
def test_any_text_is_said_or_refused(phonemizer: Phonemizer, text: str):
    try:
        result = phonemizer(text, pronunciations={"cat": "k ae t", "é": "iy", "3.5": "t", "日": "n"})
    except InputError as error:
        assert str(error)
        return
    assert all(phrase.words for phrase in result.phrases)
    assert all(word.phones and word.written and word.rate > 0 for word in result.words)
    assert set(result.phones) <= set(PHONES)
    assert not result.words[0].continues


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60).filter(lambda text: "[" not in text and "<" not in text))
def test_plain_text_is_untouched(text: str):
    assert parse(text) == ([Text(text)] if text else [])
    try:
        normal = normalize(text, LEXICON)
    except InputError:
        with pytest.raises(InputError):
            MarkedText(parse(text))
        return
    marked, read_normal = read(text)
    assert read_normal.items == normal.items and marked.unspoken == normal.unspoken
    assert len(normal.spans) == len(normal.items)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=40))
def test_any_phones_and_entries_are_read_or_refused(text: str):
    for attempt in (
        lambda: parse_phones(text, "x"),
        lambda: phones_of_ipa(text, "x"),
        lambda: UserLexicon({text: "k"}),
    ):
        try:
            attempt()
        except InputError as error:
            assert str(error)


def test_long_markup_is_fast():
    text = "A cat [pause 10ms] ran to [Worcester](w uh s t er) at 10:45, naïve. " * 500
    start = time.process_time()
    marked, normal = read(text)
    assert len(marked.words(normal)) > 5_000
    assert time.process_time() - start < 3
    for odd in ("[" * 100_000, "[pause " * 20_000, "[a](" * 50_000, "<speak>" + "<s>" * 100_000, "](k) [" * 30_000):
        start = time.process_time()
        with contextlib.suppress(InputError):
            parse(odd)
        assert time.process_time() - start < 2
