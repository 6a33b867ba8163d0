"""Model cards, generated from what a model repo holds: config, training record, evaluation and samples.

Generated sections stand between `<!-- mmzoo:begin -->` and `<!-- mmzoo:end -->`; what is written by hand below
them is kept when a card is generated anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzoo.errors import CorruptFileError, MmzooError
from mmzoo.hub.sources import card_license

BEGIN, END = "<!-- mmzoo:begin -->", "<!-- mmzoo:end -->"
PIPELINES = {"text-to-speech": "text-to-speech", "speech-tokenization": "audio-to-audio"}
USES = {
    "text-to-speech": 'tts = mmzoo.create("{name}")\nspeech = tts("Hello there.")\nspeech.save("hello.wav")',
    "speech-tokenization": (
        'tokenizer = mmzoo.create("{name}")\ncodes = tokenizer.tokenize(mmzoo.Audio.load("speech.wav"))  # 16 kHz\n'
        'tokenizer.reconstruct(codes).save("copy.wav")'
    ),
    "image-tokenization": (
        'tokenizer = mmzoo.create("{name}")\ncodes = tokenizer.tokenize(mmzoo.Image.load("picture.png"))\n'
        'tokenizer.reconstruct(codes).save("copy.png")'
    ),
    "text-tokenization": (
        'tokenizer = mmzoo.create("{name}")\ncodes = tokenizer.tokenize("Hello there.")\n'
        "print(tokenizer.reconstruct(codes))"
    ),
    "text-to-image": (
        'artist = mmzoo.create("{name}")\nartist("a large red circle on a black background").save("red.png")\n'
        'artist.denoise([mmzoo.Image.load("noisy.png")])[0].save("clean.png")'
    ),
    "class-to-image": 'artist = mmzoo.create("{name}")\nartist("three", seed=0).save("three.png")',
    "speech-to-image": (
        'bridge = mmzoo.create("{name}")\nspeech = mmzoo.Audio.load("caption.wav")\nprint(bridge.hear(speech))\n'
        'bridge.transfer(speech).save("scene.png")'
    ),
    "image-to-speech": (
        'bridge = mmzoo.create("{name}")\npicture = mmzoo.Image.load("scene.png")\nprint(bridge.describe(picture))\n'
        'bridge.transfer(picture).save("told.wav")'
    ),
    "recognition": (
        'judge = mmzoo.create("{name}")\nlabels = judge.recognise(image="digit.png", speech="word.wav", text="th_ee")\n'
        "print(labels.best, labels.probabilities[0])"
    ),
    "phonemization": 'phonemizer = mmzoo.create("{name}")\nprint(phonemizer("Doctor Smith paid $3.50.").phones)',
}
INTENDED = {
    "text-to-speech": "Reading English text aloud in one voice, on a CPU, offline; research on small speech models.",
    "speech-tokenization": "Coding 16 kHz speech as a few codes a frame, and as the latent space of other models.",
    "image-tokenization": "Coding small pictures as a few codes a square, and as the latent space of other models.",
    "text-tokenization": "Coding text as a few codes for every two bytes, and as the latent space of other models.",
    "text-to-image": "Drawing and editing simple scenes; research on small diffusion models.",
    "class-to-image": "Drawing and editing handwritten digits; research on small diffusion models.",
    "speech-to-image": "Drawing simple scenes from spoken captions; research on transfer between modalities.",
    "image-to-speech": "Telling simple scenes aloud; research on transfer between modalities.",
    "recognition": "Recognising digits from any of a picture, speech and text; research on fusion.",
    "phonemization": "Turning English text into words and phones for a synthesiser.",
}
SECTIONS = (
    "held_out_words", "unseen_words", "steps", "seeds", "judge_control", "distances", "prosody", "scenes_right",
    "scenes_lost", "attributes_right", "artist_told_the_words", "words_wrong", "attributes_heard", "attributes_written",
    "captions_word_by_word", "round_trip", "digits_right", "variety", "edits", "recognised",
    "all_against_best_single_on_degraded", "tables", "psnr_db", "copies", "codes", "speed",
)  # fmt: skip
VOICE = (
    "The speech that taught this model is synthetic: sentences of our own grammar, spoken by the voice `slt` of the"
    " synthesiser flite (CMU ARCTIC; flite's permissive licence). The words of those sentences are the ones that"
    " pocketsphinx's bundled English language model and pronouncing dictionary (CMU; BSD) know, read when the corpus is"
    " built. The model is distilled from that voice; nothing here"
    " claims human naturalness, and other voices were not heard in training."
)

PHONES = (
    "The phones that taught this model are those of the synthesiser flite (flite's permissive licence) for the words of"
    " the CMU pronouncing dictionary that pocketsphinx brings; the lexicon beside the weights holds them."
)

PICTURES = (
    "The pictures that taught this model are scenes drawn by rule (`spoken-scenes`) and handwritten digits of 8 x 8"
    " pixels, enlarged (the part of UCI's Optical Recognition of Handwritten Digits that comes with scikit-learn). It"
    " has seen no photograph."
)
TEXTS = "The texts that taught this model are sentences of our own grammar, with some bytes changed at random."
LIMITS = {
    "text-to-image": "Flat scenes of one to three things in the words of its captions; no photographs.",
    "class-to-image": "The ten digits in the hand of some 40 people, as 8 x 8 pixels enlarged.",
    "speech-to-image": "The words of its captions, clearly spoken in English by a synthesiser; other words are not"
    " heard, and noise and recordings of people were not tried. A voice unlike those of its training is understood"
    " worse: see `unseen voice` among the results.",
    "image-to-speech": "Flat scenes of one to three things as `spoken-scenes` draws them, in one synthetic voice.",
    "recognition": "The ten digits: as 8 x 8 pixels enlarged, as one English word said by synthesisers, and as it.",
    "phonemization": "American English; words outside the lexicon are read by a small network that errs often.",
    "image-tokenization": "Flat drawings and digits of 64 x 64 pixels; photographs come out smeared.",
    "text-tokenization": "Made for short English sentences; other scripts survive, with more errors.",
}
DRAWINGS = (
    "The pictures that taught this model are scenes drawn by rule and told by our own grammar (`spoken-scenes`),"
    " without some pairs of shape and colour. It has seen no photograph."
)
DIGITS = (
    "The pictures that taught this model are handwritten digits of 8 x 8 pixels, enlarged (the part of UCI's Optical"
    " Recognition of Handwritten Digits that comes with scikit-learn)."
)
SPOKEN = (
    "The speech that taught this model is synthetic: captions of drawn scenes (`spoken-scenes`), in voices of the"
    " synthesisers flite and espeak-ng. What draws is `vqvae-dit-text2image`."
)
TOLD = (
    "The pictures and captions that taught this model are scenes drawn by rule and told by our own grammar"
    " (`spoken-scenes`), without some pairs of shape and colour. What speaks is `vqvae-dit-tts`, a synthetic voice."
)
MIXED = (
    "What taught this model are handwritten digits of 8 x 8 pixels, enlarged (the part of UCI's Optical Recognition of"
    " Handwritten Digits that comes with scikit-learn), their English words, and these said by voices of the"
    " synthesisers flite and espeak-ng; degraded to four degrees (`degraded-digits`)."
)
TEACHERS = {
    "speech-to-image": SPOKEN,
    "image-to-speech": TOLD,
    "recognition": MIXED,
    "phonemization": PHONES,
    "image-tokenization": PICTURES,
    "text-tokenization": TEXTS,
    "text-to-image": DRAWINGS,
    "class-to-image": DIGITS,
}
ROWS = {
    "speech-to-image": "The first row is true, the second drawn from its spoken caption.",
    "image-to-speech": "The first row is true, the second drawn by `vqvae-dit-speech2image` from what was said of it.",
    "recognition": "Test digits, whole and degraded.",
    "image-tokenization": "The first row is true, the second copied.",
    "text-to-image": "Drawn: the first row is true, the second drawn from its caption. Edits: true, by the plain"
    " method, by the model, and by the model with the caption.",
    "class-to-image": "Drawn: one row for each digit. Edits: true, by the plain method, by the model, and by the model"
    " with the digit's name.",
}


def write_card(folder: Path, *, license: str | None = None) -> Path:
    """Write README.md of a model repo; text by hand below the sections is kept. license: see `render_card`."""
    path = folder / "README.md"
    staged = path.with_suffix(".partial")
    staged.write_text(render_card(folder, license=license), encoding="utf-8")
    staged.replace(path)
    return path


def render_card(folder: Path, *, license: str | None = None, called: str | None = None) -> str:
    """The card that the files of a model repo give.

    license: of the weights; None keeps what the card there says, else what is registered, and never invents one.
    called: what `create` is given in the example; the model's own name by default. Raises CorruptFileError when
    config.json cannot be read.
    """
    config = _read(folder / "config.json")
    if config is None:
        raise CorruptFileError(f"{folder} has no config.json; a card is made from a model repo.")
    training, evaluation = _read(folder / "training.json"), _read(folder / "evaluation.json")
    license = license or card_license(folder) or _registered_license(config["name"])
    front = _front_matter(config, evaluation, license)
    teacher = TEACHERS.get(config["task"], VOICE)
    sections = [f"# {config['name']}", INTENDED.get(config["task"], ""), teacher, _use(config, called)]
    sections += [
        _training(training),
        _results(evaluation),
        _samples(folder, config),
        _limits(config),
        _licence(license),
    ]
    body = "\n\n".join(section for section in sections if section)
    old = (folder / "README.md").read_text("utf-8") if (folder / "README.md").is_file() else ""
    by_hand = text_by_hand(old)
    return f"---\n{front}---\n{BEGIN}\n\n{body}\n\n{END}\n" + (f"\n{by_hand}\n" if by_hand else "")


def text_by_hand(card: str) -> str:
    """What stands below the generated sections of a card; nothing in a card without such sections."""
    return card.partition(END)[2].strip("\n")


def merged_card(mine: str, theirs: str | None) -> str:
    """The card to publish where there is one already: what was written by hand there is never lost.

    theirs: the card that is published. If it has no generated sections, it stays as it is, unless it is only front
    matter. Otherwise the sections are mine and the text below them is theirs, unless mine contains it. Front matter
    that only theirs has (how a gated repo asks, a tag set on its page) is kept.
    """
    if theirs is None:
        return mine
    front, _, body = _split(theirs)
    if BEGIN not in theirs:
        return theirs if body.strip() else _with_front(mine, front)
    kept = text_by_hand(theirs)
    if kept and kept not in mine:
        mine = mine.partition(END)[0] + f"{END}\n\n{kept}\n" if END in mine else f"{mine.rstrip()}\n\n{kept}\n"
    return _with_front(mine, front)


def _with_front(card: str, more: Mapping[str, Any]) -> str:
    """The card with those keys of the other front matter that its own lacks."""
    front, text, body = _split(card)
    missing = {key: value for key, value in more.items() if key not in front}
    if not missing:
        return card
    import yaml

    added = yaml.safe_dump(missing, sort_keys=False, allow_unicode=True)
    return f"---\n{text}{added}---\n{body}"


def _split(card: str) -> tuple[dict[str, Any], str, str]:
    """Front matter, parsed and as text, and the rest of a card."""
    import yaml

    match = re.match(r"---\s*\n(.*?\n)---[ \t]*(\n|\Z)", card.replace("\r\n", "\n"), flags=re.DOTALL)
    if match is None:
        return {}, "", card
    try:
        front = yaml.safe_load(match[1])
    except yaml.YAMLError:
        front = None
    return (front if isinstance(front, dict) else {}), match[1], card.replace("\r\n", "\n")[match.end() :]


def _registered_license(name: str) -> str | None:
    from mmzoo import registry

    try:
        weights = registry.catalog().model(name).weights
    except MmzooError:
        return None
    return next((item.license for item in weights if item.license), None)


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise CorruptFileError(f"{path} is not valid JSON: {error}.") from error
    return found


def _front_matter(config: Mapping[str, Any], evaluation: Mapping[str, Any] | None, license: str | None) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=config["task"],
            dataset_type="flite-speech",
            dataset_name="held-out sentences of flite-speech (synthetic)",
            metric_type="wer" if name.endswith("wer") else "per",
            metric_name=name,
            metric_value=value,
        )
        for name, value in _rates(evaluation)
    ]
    data = ModelCardData(
        language="en",
        license=license,
        library_name="mmzoo",
        pipeline_tag=PIPELINES.get(config["task"]),
        tags=["mmzoo", *config.get("modalities", ())],
        model_name=config["name"],
        eval_results=results or None,
    )
    return str(data.to_yaml()).strip("\n") + "\n"


def _rates(evaluation: Mapping[str, Any] | None) -> list[tuple[str, float]]:
    rows = (evaluation or {}).get("rows", {})
    return [(f"{row} {key}", values[key]) for row, values in rows.items() for key in ("wer", "per") if key in values]


def _use(config: Mapping[str, Any], called: str | None) -> str:
    use = USES.get(config["task"])
    return f"## Use\n\n```python\nimport mmzoo\n\n{use.format(name=called or config['name'])}\n```" if use else ""


def _training(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "## Training\n\nThere is no training record."
    stages = [record]
    while (before := stages[0].get("began_from")) and "command" in before:
        stages.insert(0, before)
    lines = [
        *(_stage(stage) for stage in stages),
        f"- data: `{record['data']['name']}`, {record['data']['examples']:,} examples",
        f"- {record['parameters'] / 1e6:.2f} million parameters, kept in 16 bits",
        *(f"- {note}" for note in record.get("notes", ())),
    ]
    return "## Training\n\n" + "\n".join(lines)


def _stage(record: Mapping[str, Any]) -> str:
    """One run of the engine: its command, how long it took, and on what."""
    hardware = record["hardware"]
    where = hardware["gpu"] or f"{hardware['threads']} threads of {hardware['cpu']}, no GPU"
    took = f"{record['steps']:,} steps in {record['seconds'] / 60:.0f} minutes on {where}; seed {record['seed']}"
    return f"- `{record['command']}`: {took}"


def _results(evaluation: Mapping[str, Any] | None) -> str:
    if evaluation is None:
        return "## Results\n\nThis model has not been evaluated yet."
    told = _judged(evaluation) if "rows" in evaluation else _protocol(evaluation)
    tables = dict(evaluation.get("tables", {}))
    few_labels = _few_labels(tables.pop("few_labels", {}))
    evaluation = {**evaluation, "tables": tables}
    others = []
    if "speaking_rate_ratio" in evaluation:
        others.append(f"| speaking rate against the teacher's | {evaluation['speaking_rate_ratio']:,} |")
    for section in SECTIONS:
        if section in evaluation:
            name, values = section.replace("_", " "), evaluation[section]
            if not isinstance(values, Mapping):
                others.append(f"| {name} | {_told(values)} |")
                continue
            others += [f"| {name}: {n.replace('_', ' ')} | {_told(v)} |" for n, v in _flat(values)]
    more = "\n".join(["| figure | value |", "|---|---|", *others]) if others else ""
    return "\n\n".join(part for part in ("## Results", told, more, few_labels) if part)


def _few_labels(study: Mapping[str, Any]) -> str:
    """Error rates by arm and share of labels, with the change of errors against equal compute."""
    rows, changes = study.get("error", {}), study.get("change", {})
    budgets = list(dict.fromkeys(budget for row in rows.values() for budget in row))
    if not budgets:
        return ""
    lines = [f"| arm | {' | '.join(budgets)} | errors at 5% against equal compute (95 %) |"]
    lines.append("|---|" + "---|" * (len(budgets) + 1))
    for name, row in rows.items():
        cells = [f"{row[key]['mean']:.1%} ± {row[key]['spread']:.1%}" if key in row else "" for key in budgets]
        gap = changes.get(name)
        against = f"{gap['share']:+.0%} ({gap['low']:+.0%} to {gap['high']:+.0%})" if gap else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {against} |")
    told = (
        "Single words (`spoken-words`) of voices that training lacks, learned by a small recogniser of speech from"
        " labels for a share of the training words: the share taken for another word, mean ± spread over seeds."
    )
    return f"{told}\n\n" + "\n".join(lines)


def _judged(evaluation: Mapping[str, Any]) -> str:
    """The table of an evaluation by ear."""
    protocol = evaluation["protocol"]
    table = [
        "| heard | words wrong | letters wrong | phones wrong | skipped, added, repeated words | garbled |"
        " words wrong against the teacher (95 %) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in evaluation["rows"].items():
        against = evaluation.get("differences", {}).get(name, {})
        gap = against.get("wer")
        told = f"{gap['difference']:+.1%} ({gap['low']:+.1%} to {gap['high']:+.1%})" if gap and "low" in gap else ""
        rates = " | ".join(f"{row[key]:.1%}" if key in row else "" for key in ("wer", "cer", "per"))
        slips = ", ".join(f"{row[f'words_{key}']:.1%}" for key in ("skipped", "added", "repeated"))
        garbled = f"{against['words_garbled']:.1%}" if "words_garbled" in against else ""
        table.append(f"| {name.replace('_', ' ')} | {rates} | {slips} | {garbled} | {told} |")
    judge = (
        f"Judge: {protocol['judge']}, which had no part in training; {protocol['sentences']} sentences,"
        f" {protocol['data']}. It mishears the teacher too: what counts is the difference. Garbled words fit"
        " their sound worse than 99 % of the teacher's words do, by forced alignment. Command:"
        f" `{evaluation['command']}`."
    )
    return "\n\n".join((judge, "\n".join(table)))


def _protocol(evaluation: Mapping[str, Any]) -> str:
    """How the figures of an evaluation without a judge were made."""
    told = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in evaluation["protocol"].items())
    return f"{told[:1].upper()}{told[1:]}. Command: `{evaluation['command']}`."


def _told(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key} ")
        else:
            found.append((prefix + key, value))
    return found


def _samples(folder: Path, config: Mapping[str, Any]) -> str:
    samples = folder / "samples"
    lines = []
    for number, text in (_read(samples / "texts.json") or {}).items():
        links = [f"[{p.stem.partition('-')[2]}](samples/{p.name})" for p in sorted(samples.glob(f"{number}-*.wav"))]
        lines.append(f"{number}. {text} {', '.join(links)}")
    sheets = [f"![{path.stem}](samples/{path.name})" for path in sorted(samples.glob("*.png"))]
    found = ["\n".join(lines), ROWS.get(config["task"], "") if sheets else "", *sheets]
    return "\n\n".join(("## Samples", *filter(None, found))) if any(found) else ""


def _limits(config: Mapping[str, Any]) -> str:
    speech = "One synthetic voice, English, 16 kHz. Speech of other voices, noise and music were never heard."
    return f"## Limits\n\n{LIMITS.get(config['task'], speech)}"


def _licence(license: str | None) -> str:
    if license is None:
        return "## Licence\n\nNo licence is stated; ask the author before using the weights."
    return f"## Licence\n\n{'Apache-2.0' if license == 'apache-2.0' else license}, weights included."
