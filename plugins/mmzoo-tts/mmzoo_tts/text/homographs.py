"""Homographs: words that sound different as a noun or adjective and as a verb.

Like flite, this looks only at the two neighboring words: enough for "to use", "the use", "they live" and "close the
door", but a guess where the rest of the sentence decides ("I read it", "the lead").
"""

from __future__ import annotations

_TABLE = """
abuse: ax b y uw s / ax b y uw z
advocate: ae d v ax k ax t / ae d v ax k ey t
advocates: ae d v ax k ax t s / ae d v ax k ey t s
alternate: ao l t er n ax t / ao l t er n ey t
appropriate: ax p r ow p r iy ax t / ax p r ow p r iy ey t
approximate: ax p r aa k s ax m ax t / ax p r aa k s ax m ey t
articulate: aa r t ih k y ax l ax t / aa r t ih k y ax l ey t
associate: ax s ow s iy ax t / ax s ow s iy ey t
associates: ax s ow s iy ih t s / ax s ow s iy ey t s
attribute: ae t r ax b y uw t / ax t r ih b y uw t
attributes: ae t r ax b y uw t s / ax t r ih b y uw t s
close: k l ow s / k l ow z
combine: k aa m b ay n / k ax m b ay n
combines: k ah m b ay n z / k ax m b ay n z
compact: k aa m p ae k t / k ax m p ae k t
compound: k aa m p aw n d / k ax m p aw n d
compounds: k aa m p aw n d z / k ax m p aw n d z
compress: k aa m p r eh s / k ax m p r eh s
conduct: k ah n d ax k t / k ax n d ah k t
conflict: k aa n f l ih k t / k ax n f l ih k t
conflicts: k aa n f l ih k t s / k ax n f l ih k t s
console: k aa n s ow l / k ax n s ow l
content: k aa n t eh n t / k ax n t eh n t
contest: k aa n t eh s t / k ax n t eh s t
contests: k aa n t eh s t s / k ax n t eh s t s
contract: k aa n t r ae k t / k ax n t r ae k t
contracts: k aa n t r ae k t s / k ax n t r ae k t s
contrast: k aa n t r ae s t / k ax n t r ae s t
contrasts: k aa n t r ae s t s / k ax n t r ae s t s
converse: k aa n v er s / k ax n v er s
convert: k aa n v er t / k ax n v er t
converts: k aa n v er t s / k ax n v er t s
convict: k aa n v ih k t / k ax n v ih k t
convicts: k aa n v ih k t s / k ax n v ih k t s
coordinate: k ow ao r d ax n ax t / k ow ao r d ax n ey t
coordinates: k ow ao r d ax n ax t s / k ow ao r d ax n ey t s
decrease: d iy k r iy s / d ih k r iy s
decreases: d iy k r iy s ax z / d ih k r iy s ax z
deliberate: d ih l ih b er ih t / d ih l ih b er ey t
desert: d eh z er t / d ih z er t
deserts: d eh z er t s / d ih z er t s
diffuse: d ih f y uw s / d ih f y uw z
duplicate: d uw p l ax k ax t / d uw p l ax k ey t
duplicates: d y uw p l ax k ax t s / d y uw p l ax k ey t s
elaborate: ih l ae b r ax t / ih l ae b r ey t
estimate: eh s t ax m ax t / eh s t ax m ey t
estimates: eh s t ax m ax t s / eh s t ax m ey t s
excuse: ih k s k y uw s / ih k s k y uw z
excuses: ih k s k y uw s ih z / ih k s k y uw z ih z
export: eh k s p ao r t / ih k s p ao r t
exports: eh k s p ao r t s / ih k s p ao r t s
extract: eh k s t r ae k t / ih k s t r ae k t
extracts: eh k s t r ae k t s / ih k s t r ae k t s
graduate: g r ae jh ax w ax t / g r ae jh ax w ey t
graduates: g r ae jh ax w ax t s / g r ae jh ax w ey t s
initiate: ih n ih sh iy ax t / ih n ih sh iy ey t
insult: ih n s ax l t / ih n s ah l t
insults: ih n s ah l t s / ih n s ax l t s
lead: l eh d / l iy d
live: l ay v / l ih v
lives: l ay v z / l ih v z
misuse: m ih s y uw s / m ih s y uw z
moderate: m aa d er ax t / m aa d er ey t
object: aa b jh eh k t / ax b jh eh k t
objects: aa b jh eh k t s / ax b jh eh k t s
perfect: p er f ax k t / p er f eh k t
present: p r eh z ax n t / p r iy z eh n t
presents: p r eh z ax n t s / p r iy z eh n t s
produce: p r ow d uw s / p r ax d uw s
progress: p r aa g r eh s / p r ax g r eh s
project: p r aa jh eh k t / p r ax jh eh k t
projects: p r aa jh eh k t s / p r ax jh eh k t s
read: r eh d / r iy d
rebel: r eh b ax l / r ax b eh l
rebels: r eh b ax l z / r ax b eh l z
record: r eh k er d / r ax k ao r d
records: r eh k er d z / r ax k ao r d z
refuse: r eh f y uw s / r ax f y uw z
reject: r iy jh eh k t / r ih jh eh k t
rejects: r iy jh eh k t s / r ih jh eh k t s
separate: s eh p r ax t / s eh p er ey t
subject: s ah b jh ih k t / s ax b jh eh k t
subjects: s ah b jh ih k t s / s ax b jh eh k t s
suspect: s ah s p eh k t / s ax s p eh k t
suspects: s ah s p eh k t s / s ax s p eh k t s
tear: t iy r / t eh r
tears: t ih r z / t eh r z
use: y uw s / y uw z
uses: y uw s ax z / y uw z ih z
wind: w ih n d / w ay n d
"""

# Word to its phones as a noun or adjective (the default) and as a verb.
HOMOGRAPHS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
for _line in _TABLE.strip().splitlines():
    _word, _, _sounds = _line.partition(": ")
    _noun, _, _verb = _sounds.partition(" / ")
    HOMOGRAPHS[_word] = (tuple(_noun.split()), tuple(_verb.split()))

_BEFORE_VERBS = frozenset(
    (
        "to will would can could may might must shall should cannot can't couldn't won't wouldn't shouldn't don't "
        "doesn't didn't not i'll you'll he'll she'll it'll we'll they'll i'd you'd we'd they'd let's please who"
    ).split()
)
_SUBJECTS = frozenset(["i", "you", "we", "they"])
_SINGULAR_SUBJECTS = frozenset(["he", "she", "it", "who", "that"])
_OBJECTS = frozenset("the a an it them him me us this that these those your my his her their our its".split())
_BEFORE_NOUNS = _OBJECTS | frozenset("any no some each every of in for with is was are were be been".split())
_PLACES = frozenset(
    (
        "in on at with near by under against for among here there alone behind beside between above below beyond over "
        "across outside inside around without from to next through"
    ).split()
)
_UNSURE = frozenset({"read", "live", "lives", "lead"})
"""Before an object these are ambiguous: "I read the book", "people live the dream"."""


def homograph(word: str, before: str, after: str) -> tuple[str, ...] | None:
    """The phones of a homograph in context, or None for any other word.

    Args:
        word: The word.
        before: The word before it, "" at the start of a phrase.
        after: The word after it, "" at the end of a phrase.
    """
    sounds = HOMOGRAPHS.get(word)
    if sounds is None:
        return None
    verb = before in _BEFORE_VERBS
    if not verb and word != "read":
        verb = before in (_SINGULAR_SUBJECTS if word.endswith("s") else _SUBJECTS)
    if not verb and word in {"live", "lives"}:
        verb = after in _PLACES and before not in _BEFORE_NOUNS
    if not verb and word not in _UNSURE:
        verb = after in _OBJECTS and before not in _BEFORE_NOUNS
    return sounds[verb]
