"""`mmzoo generate`: makes one item from a prompt, or one from each row of a file."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import mmzoo
from mmzoo.cli.bulk import ShardRows, folder_of, report, written_command
from mmzoo.cli.output import note, say
from mmzoo.command_line import Device, Output, Seed, TextOutput, seed_option
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, Image
from mmzoo.interfaces.options import seed_note, seed_of

MAX_PICTURES = 256
SINGLE = {Image: Path("grid.png"), Audio: Path("sound.wav")}
"""Where one result goes unless --output says it; a text is printed."""


def generate(
    model: Annotated[str, typer.Argument(help="A model that draws, speaks or writes.")],
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            help="Keys of the prompt that have no option, as in voice=joe or image=scene.png.",
            metavar="[KEY=VALUE]...",
        ),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("-p", "--prompt", help="What to draw, say or continue: the key text.")
    ] = None,
    name: Annotated[str | None, typer.Option("--class", help="The class to draw, for models of classes.")] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help='A JSONL file with a prompt on each line, such as {"text": "...", "id": "a"}.'),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="The file to write, whose suffix is the format (`-` is standard output); with --prompts, a folder.",
        ),
    ] = None,
    num: Annotated[int, typer.Option(help="Number of pictures, laid out as a grid.")] = 1,
    steps: Annotated[int | None, typer.Option(help="Sampling steps; more is slower.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How strictly to follow the words; 1 is none.")] = None,
    temperature: Annotated[
        float | None, typer.Option(help="How freely to draw codes; 0 takes the most probable one.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="Number of most probable codes to draw from.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Total probability of the codes to draw from.")] = None,
    seed: Seed = "0",
    format: Annotated[str | None, typer.Option(help="With --prompts: the format of the files.")] = None,
    shard_rows: ShardRows = 256,
    device: Device = "cpu",
) -> None:
    """Make a picture, sound or text from a prompt. Picture i uses the seed + i.

    Prints the text, or one line about the file that was written.

    With --prompts, each row of a file gives one, in shards that several processes share and that resume where they
    were interrupted (docs/scale.md). A row's seed depends on --seed and the row's id alone.

    Examples:

        mmzoo generate vqvae-dit-digits --class seven --num 9 -o sevens.png

        mmzoo generate vqvae-dit-tts --prompt "Hello there." voice=joe -o hello.wav

        mmzoo generate vqvae-prior-text --prompt "The teacher" --top-p 0.9

        mmzoo generate vqvae-dit-tts --prompts texts.jsonl --output speech
    """
    from mmzoo.bulk.generation import content_of, generate_all
    from mmzoo.bulk.prompts import needs_nothing, prompt_of, require_generator

    how = {"steps": steps, "guidance": guidance, "temperature": temperature, "top_k": top_k, "top_p": top_p}
    given = _keys(keys or (), how)
    if prompts is not None:
        if prompt is not None or name is not None or num != 1:
            raise InputError("--prompts excludes --prompt, --class and --num; write them into the rows of the file.")
        folder = folder_of(output)
        first = _fixed(seed)
        options: dict[str, Any] = {"format": format, "shard_rows": shard_rows, "device": device}
        report(
            generate_all(model, prompts, folder, options=given, seed=first, command=written_command(), **options),
            folder,
        )
        return
    named = [value for value in (prompt, name) if value is not None]
    if len(named) > 1 or not (named or given.keys() - how.keys() or needs_nothing(model)):
        raise InputError("Give either --prompt or --class, or keys of the prompt, or a file with --prompts.")
    given |= {key: value for key, value in (("prompt", prompt), ("class", name)) if value is not None}
    if not 1 <= num <= MAX_PICTURES:
        raise InputError(f"--num must be from 1 to {MAX_PICTURES}, not {num}.")
    if format is not None:
        raise InputError("--format is for --prompts; the suffix of --output is the format of one result.")
    target = None if output is None else _target(output)  # checked before the slow part
    first, drawn = seed_of(seed_option(seed))
    maker: Any = mmzoo.create(model, device=device)
    require_generator(maker, model)
    checked = prompt_of(given, maker, model)
    arguments = {**checked.keys, **checked.files}
    kind = maker.generates
    if num > 1 and kind is not Image:
        raise InputError(f"{model} makes no pictures to lay out as a grid; for several results use --prompts.")
    if kind is not str:
        target = Output(SINGLE[kind], kind) if target is None else target
        if isinstance(target, TextOutput):
            raise InputError(f"{model} makes no text; give --output the suffix of a picture or sound.")
        target.require(kind, model)
    elif isinstance(target, Output) and not target.standard:
        raise InputError(f"{model} writes a text; give --output the suffix .txt.")
    given_seed = arguments.pop("seed", None)
    first, drawn = (first, drawn) if given_seed is None else (given_seed, False)
    start = time.perf_counter()
    made = [maker.generate_item(**{"seed": first + index, **arguments}) for index in range(num)]
    seconds = time.perf_counter() - start
    if kind is str:
        target.write(content_of(made[0], "txt").decode()) if isinstance(target, TextOutput) else say(made[0])
        for line in seed_note(first, drawn):
            note(line)
        return
    result = _page(made) if kind is Image else made[0]
    assert isinstance(target, Output)
    target.save(result)
    notes = [*made[0].notes, *seed_note(first, drawn)]
    target.report(f"{_what(given, result, num)}, in {seconds:.2f} s", notes)


def _keys(written: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of the prompt that are written as KEY=VALUE or have an option of their own."""
    from mmzoo.training.recipe import apply_override

    keys: dict[str, Any] = {}
    for one in written:
        apply_override(keys, one)
    for key, value in options.items():
        if value is not None:
            if key in keys:
                raise InputError(f"Give either --{key.replace('_', '-')} or {key}=, not both.")
            keys[key] = value
    return keys


def _fixed(seed: str) -> int:
    """The seed of a bulk job, which must be known to resume it."""
    if (first := seed_option(seed)) is None:
        raise InputError("--prompts takes a number for --seed, with which the job can be resumed.")
    return seed_of(first)[0]


def _target(output: Path) -> Output | TextOutput:
    return TextOutput(output, "--output") if output.suffix.lower() == ".txt" else Output(output, Image, Audio)


def _page(pictures: Sequence[Image]) -> Image:
    from mmzoo.data import sheet

    columns = math.ceil(math.sqrt(len(pictures)))
    return sheet(*(pictures[i : i + columns] for i in range(0, len(pictures), columns)))


def _what(given: Mapping[str, Any], result: Image | Audio, num: int) -> str:
    text = next((given[key] for key in ("prompt", "class", "text", "label") if key in given), None)
    made = f"{num}" if text is None else f"{num} of {text!r}"
    if isinstance(result, Image):
        return f"{made}, {result.pixels.shape[1]} x {result.pixels.shape[0]} pixels"
    return f"{made}, {result.duration:.2f} s"
