"""Everyday sentences with numbers, dates, times, money, names, lists and questions, all in words."""

from __future__ import annotations

import re
from random import Random

from mmzoo_datasets.text import words
from mmzoo_datasets.text.numbers import NUMBERS

TEMPLATES = (
    "The train to [place] leaves at {time}.", "We met in [place] in {year}.", "The bill came to {money}.",
    "[name] was born on {date}.", "Could you call me back at {time}?", "It costs {money}, plus shipping.",
    "About {percent} of the people who answered agreed.", "The code is {digits}.",
    "She finished {ordinal} in the race.", "They sold {quantity} tickets on [weekday].",
    "Is [weekday] all right for you?",
    "The temperature rose by {decimal} degrees.", "Your appointment is on {date} at {time}.",
    "Doctor [surname] will see you now.", "My name is [name] [surname], and I live in [place].",
    "Have you ever been to [place]?", "Where did you put the keys, [name]?", "Why is the door open?",
    "When does the meeting start?", "How much does it cost?", "Who is going to tell [name]?",
    "What would you like to eat?", "Do you know what time it is?", "Are you sure that this is the right way?",
    "Isn't that your brother [name]?", "Shall we go, or do you want to wait?", "Would you prefer tea or coffee?",
    "We need bread, butter, eggs and milk.", "[name], [name] and [name] are coming for dinner.",
    "I have lived in [place], [place] and [place].", "Please send it to [name] before [weekday].",
    "No, I don't think so.", "Yes, of course!", "Thank you very much, [name].", "Good morning, [name]. How are you?",
    "I'm sorry, but we are closed on [weekday].", "The population grew from {quantity} to {quantity}.",
    "In [month], the days are short in [place].", "The flight takes about {quantity} hours.", "Wait a minute, please.",
    "Chapter {quantity} begins on page {quantity}.", "Take the {ordinal} street on the left, then go straight on.",
    "If it rains on [weekday], we will stay at home.", "He paid {money} for that old car!", "That was close!",
    "I told you, [name], that it would not work.", "Turn right after {quantity} miles.", "It's {time}. Time to go.",
    "The store opens at {time} and closes at {time}.", "My phone number is {digits}.", "What a beautiful day!",
    "Would [weekday] at {time} suit you?", "They've known each other since {year}.",
    "Professor [surname] taught history in [place] for {quantity} years.", "Can you spell that, please?",
)  # fmt: skip


def everyday(rng: Random) -> str:
    """One sentence from a random template."""
    lists = {
        "name": words.NAMES, "surname": words.SURNAMES, "place": words.PLACES, "weekday": words.WEEKDAYS,
        "month": words.MONTHS,
    }  # fmt: skip

    def fill(match: re.Match[str]) -> str:
        return rng.choice(lists[match[1]]) if match[1] in lists else NUMBERS[match[1]](rng, False)

    text = re.sub(r"[\[{](\w+)[\]}]", fill, rng.choice(TEMPLATES))
    return text[0].upper() + text[1:]
