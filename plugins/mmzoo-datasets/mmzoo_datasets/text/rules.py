"""The grammar itself: one string of alternatives for each symbol.

In a rule, `<NP>` is another symbol, `[noun]` a slot filled with a word of that class, `{date}` a generated number,
and anything else is literal. Alternatives are separated by `|`; `3*` before one makes it three times as likely.
"""

from __future__ import annotations

RULES: dict[str, str] = {
    # --- noun phrases
    "DET": "4* the | 2* a | my | your | his | her | our | their | this | that | every | another | one",
    "DETS": "3* the | some | many | few | my | your | our | their | these | those | several | most | all the | no",
    "NP": (
        "5* <DET> [noun] | 3* <DET> [adj] [noun] | <DET> [noun] <PREP> <DET> [noun] | <DET> [noun] of [mass] "
        "| [name] | <DET> [adj] , [adj] [noun] | [name] 's [noun] | the [noun] [noun] | the {ordinal} [noun]"
    ),
    "NPS": (
        "4* <DETS> [plural] | 3* <DETS> [adj] [plural] | {quantity} [plural] | [name] and [name] "
        "| <DETS> [noun] [plural] | two of the [plural] | [plural] and [plural]"
    ),
    "OBJ": "4* <NP> | 2* <NPS> | it | them | him | her | us | me | [mass] | something [adj] | everything | nothing",
    "PERSON": (
        "3* he | 3* she | 2* I | 3* [name] | someone | everyone | nobody | my [noun] | Mr. [surname] "
        "| Mrs. [surname] | Doctor [surname] | the [noun]"
    ),
    "SUBJ": "2* <PERSON> | <NP>",
    "MANY": "2* <NPS> | they | we | you",
    "ANYONE": "3* <SUBJ> | <MANY>",
    "PREP": (
        "in | on | under | behind | near | beside | above | below | with | without | from | into | across "
        "| through | around | against | between | beyond | inside | toward | over | along"
    ),
    "PP": (
        "4* <PREP> <NP> | <PREP> <NPS> | in [place] | to [place] | from [place] | at the [noun] "
        "| on [weekday] | in [month] | at {time} | before the [noun] | after the [noun] | during the [noun] "
        "| for {quantity} days | since {year} | by the [noun] | because of the [noun] | instead of <NP> "
        "| without [ing] | like a [noun]"
    ),
    "WHEN": (
        "yesterday | today | tomorrow | last night | this morning | every day | next week | last year "
        "| on [weekday] | in {year} | on {date} | at {time} | two weeks ago | long ago | right now "
        "| in the morning | before lunch | all day long | at midnight | once a month | as soon as possible "
        "| after a while | in the end"
    ),
    # --- verb phrases
    "VP": (
        "5* [past] <OBJ> | 3* [past] <OBJ> <PP> | 3* [pasti] <PP> | 2* [pasti] [adv] | [adv] [past] <OBJ> "
        "| was [ing] <OBJ> | was [ingi] <PP> | had never [pasti] | did not [verb] <OBJ> | didn't [verb] <OBJ> "
        "| could not [verbi] | tried to [verb] <OBJ> | wanted to [verb] <OBJ> | had to [verb] <OBJ> "
        "| began to [verbi] | stopped [ing] <OBJ> | was [adj] | was too [adj] | was very [adj] "
        "| seemed [adj] and [adj] | became a [noun] | used to [verb] <OBJ>"
    ),
    "VPM": (
        "5* [verb] <OBJ> | 2* [verb] <OBJ> <PP> | 2* [verbi] <PP> | [verbi] [adv] | be [adj] | be more [adj] "
        "| [verb] and [verb] <OBJ> | never [verb] <OBJ>"
    ),
    "MODAL": "will | can | could | should | must | might | would | won't | can't | shouldn't | couldn't | may",
    "BE": "is | was | isn't | wasn't",
    "BES": "are | were | aren't | weren't",
    # --- sentences
    "CLAUSE": (
        "9* <SUBJ> <VP> | 3* <MANY> <VPS> | 5* <ANYONE> <MODAL> <VPM> | <NP> <BE> [adj] | <NPS> <BES> [adj] "
        "| <NP> <BE> <PREP> <NP> | there was <NP> <PP> | there are <NPS> <PP> | it was <NP> | I [verb] <OBJ> "
        "| we [verb] <OBJ> <PP> | they [verb] <OBJ> | he [verbz] <OBJ> | she [verbz] <PP> "
        "| the [noun] [verbz] <OBJ> | [mass] is [adj] | [mass] and [mass] are [adj] | [name] is <NP> "
        "| [ing] <OBJ> is [adj] | <NP> was [past] by <NP>"
    ),
    "CONJ": "and | but | so | because | while | although | when | until | before | after | if | or | since",
    "SAID": "said | asked | told me | thought | knew | believed | heard | hoped | felt",
    "STATEMENT": (
        "6* <CLAUSE> . | 4* <CLAUSE> <WHEN> . | 4* <CLAUSE> <PP> . | 2* <WHEN> , <CLAUSE> . "
        "| 7* <CLAUSE> <CONJ> <CLAUSE> . | 2* <CLAUSE> , <CONJ> <CLAUSE> . | <CONJ2> <CLAUSE> , <CLAUSE> . "
        "| [adv] , <CLAUSE> . | <PERSON> <SAID> that <CLAUSE> . | <CLAUSE> , said <PERSON> . "
        "| <CLAUSE> , [name] said . | <CLAUSE> ; <CLAUSE> . | <NP> that <VP> <VP> . "
        "| the more [adj] , the more [adj] . | [name] , who <VP> , <VP> . | the [noun] is as [adj] as <NP> . "
        "| <NP> is more [adj] than <NP> . | not every [noun] is [adj] . | <CLAUSE> : <NP> , <NP> and <NP> ."
    ),
    "CONJ2": "when | if | because | although | while | before | after | since | as soon as | even if",
    "QUESTION": (
        "3* did <ANYONE> [verb] <OBJ> ? | 2* can you [verb] <OBJ> ? | will <ANYONE> [verb] <OBJ> <WHEN> ? "
        "| who [past] <OBJ> ? | 2* where is <NP> ? | where are <NPS> ? | why did <PERSON> [verb] <OBJ> ? "
        "| what did <PERSON> [verb] ? | how [adj] is <NP> ? | how many [plural] are <PREP> <NP> ? "
        "| have you ever [past] <OBJ> ? | is <NP> [adj] ? | are <NPS> [adj] ? "
        "| could you please [verb] <OBJ> ? | which [noun] do you like best ? | what kind of [noun] is it ? "
        "| do you want [mass] or [mass] ? | when does <NP> [verbi] ? "
        "| would you rather [verb] <OBJ> or [verb] <OBJ> ? | what happened to <NP> ? | whose [noun] is this ? "
        "| isn't <NP> [adj] ? | do you know where <NP> is ?"
    ),
    "COMMAND": (
        "4* [verb] <OBJ> . | 2* please [verb] <OBJ> <PP> . | don't [verb] <OBJ> . | never [verb] <OBJ> <PP> ! "
        "| let's [verb] <OBJ> . | [name] , [verb] <OBJ> . | be [adj] and [verb] <OBJ> . "
        "| [verb] <OBJ> before you [verb] <OBJ> . | remember to [verb] <OBJ> . | stop [ing] <OBJ> ! "
        "| try not to [verbi] . | go to <NP> and [verb] <OBJ> ."
    ),
    "LIST": (
        "2* we need [mass] , [mass] , [mass] and [mass] . | <PERSON> bought <NP> , <NP> and <NP> . "
        "| the colors are red , green and [adj] . | [plural] , [plural] and [plural] . "
        "| she speaks about [mass] , [mass] and [mass] . | first [verb] <OBJ> , then [verb] <OBJ> . "
        "| [adj] , [adj] , and [adj] . | <NPS> , <NPS> and <NPS> <VPS> . "
        "| [name] , [name] , [name] and [name] <VPS> ."
    ),
    "DIALOG": (
        "yes , <CLAUSE> . | no , <CLAUSE> . | well , <CLAUSE> . | oh , <CLAUSE> ! | thank you for <NP> . "
        "| I'm sorry , but <CLAUSE> . | I think <CLAUSE> . | I don't think <CLAUSE> . | what a [adj] [noun] ! "
        "| how [adj] ! | good morning , [name] . | hello , Mr. [surname] . | see you <WHEN> . "
        "| you're right , <CLAUSE> . | I'm not [adj] . | they're [ing] <OBJ> . | he's <NP> . "
        "| she's [adj] , isn't she ? | it's [adj] <PP> . | that's <NP> . | I've [past] <OBJ> . "
        "| we'll [verb] <OBJ> . | you'd better [verb] <OBJ> . | I'd like <NP> , please . "
        "| okay , let's [verb] <OBJ> . | my name is [name] [surname] . | nice to meet you , [name] ."
    ),
    "NUMERIC": (
        "the [noun] costs {money} . | <PERSON> paid {money} for <NP> . | the train leaves at {time} . "
        "| it is {time} . | we met on {date} . | he was born in {year} . "
        "| <PERSON> [past] {quantity} [plural] . | the [noun] is {measure} long . "
        "| it was {measure} <PREP> <NP> . | about {percent} of the [plural] are [adj] . "
        "| call me at {digits} . | the number is {digits} . | on {date} , <CLAUSE> . | in {year} , <CLAUSE> . "
        "| this is the {ordinal} [noun] . | {quantity} plus {quantity} is {quantity} . "
        "| the answer is {decimal} . | chapter {quantity} is about [mass] . "
        "| the meeting is on {date} at {time} . | prices rose by {percent} in {year} . "
        "| room {quantity} is on the {ordinal} floor ."
    ),
    "FRAGMENT": (
        "[mass] . | <NP> . | <NPS> . | [adj] [noun] . | <PP> . | [adv] ! | [ing] <OBJ> . | <PERSON> ? "
        "| [verb] ! | very [adj] . | {quantity} . | [name] [surname] . | [other] . | [other] and [other] . "
        "| [adj] . | [noun] . | [plural] ."
    ),
    "MENTION": (
        "the word is [other] . | it is called [other] . | what does [other] mean ? "
        "| this is about [other] and [other] . | <PERSON> never heard of [other] . | [other] <VP> . "
        "| <PERSON> met [other] in [place] . | [other] [surname] <VP> . | we talked about [other] <WHEN> . "
        "| [other] is near [place] . | the [other] [noun] <VP> . | nobody likes [other] more than [other] . "
        "| do you know [other] ?"
    ),
    "SPELLING": (
        "it is spelled [letter] , [letter] , [letter] , [letter] . "
        "| the letters are [letter] , [letter] and [letter] . | plan [letter] is [adj] . "
        "| <PERSON> [past] the [letter] [letter] [letter] . | press [letter] or [letter] to [verb] <OBJ> . "
        "| vitamin [letter] is [adj] ."
    ),
    # --- where a sentence starts: for training, and for held-out texts
    "SENTENCE": (
        "44* <STATEMENT> | 12* <QUESTION> | 7* <COMMAND> | 5* <LIST> | 9* <DIALOG> | 8* <NUMERIC> "
        "| 3* <FRAGMENT> | 9* <MENTION> | 2* <SPELLING>"
    ),
    "PLAIN": "44* <STATEMENT> | 12* <QUESTION> | 7* <COMMAND> | 4* <LIST> | 8* <DIALOG> | 4* <NUMERIC>",
}

RULES["VPS"] = RULES["VP"].replace("was ", "were ").replace("became a [noun]", "became [plural]")
