"""flite's set of US English phones: one pause and forty sounds.

It is ARPABET in lower case without stress; `ax` is the only reduced vowel. A phone's index in a model's set is its
id in that model, and the pause has id 0.
"""

from mmzoo.data.marks import ENDS, WORD

PAUSE = "pau"

VOWELS = ("aa", "ae", "ah", "ao", "aw", "ax", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw")
CONSONANTS = (
    *("b", "ch", "d", "dh", "f", "g", "hh", "jh", "k", "l", "m", "n", "ng"),
    *("p", "r", "s", "sh", "t", "th", "v", "w", "y", "z", "zh"),
)

PHONES = (PAUSE, *VOWELS, *CONSONANTS)
PHONE_IDS = {phone: index for index, phone in enumerate(PHONES)}
MARKED = (
    *(PAUSE, *(PAUSE + end for end in ENDS)),
    *(mark + phone for mark in ("", WORD) for phone in (*VOWELS, *CONSONANTS)),
)
"""flite's set with the marks of `mmzoo.data.marks`."""
