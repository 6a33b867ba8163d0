"""The dataset `spoken-scenes`: drawn scenes with captions, spoken by many voices."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Interval

from mmzoo.data import cache_dir, make_row, row_features
from mmzoo.data.shards import Row, build_split, open_shards, settings_folder, write_json
from mmzoo.interfaces import Size
from mmzoo_datasets.flite import PHONE_SET
from mmzoo_datasets.phones import phone_columns, phone_features
from mmzoo_datasets.scenes.captions import caption, plain_caption
from mmzoo_datasets.scenes.draw import draw
from mmzoo_datasets.scenes.world import Scene, Thing, random_scene
from mmzoo_datasets.voices import check_voice, speak

if TYPE_CHECKING:
    from datasets import DatasetDict

VERSION = 1
"""Version of drawing, grammar and sampling; part of the folder's hash."""
VOICES = ("flite:slt", "flite:awb", "flite:kal16", "espeak:en-us+f3", "espeak:en-us+f4", "espeak:en-us+m3")
UNSEEN_VOICE = "flite:rms"
"""The voice of the split `unseen_voice` only."""
RATES = (0.85, 1.0, 1.15)
COUNTS = (1, 1, 1, 2, 2, 3)
"""Numbers of objects, drawn uniformly."""
SPLITS = ("train", "validation", "test", "unseen_voice")
Side = Annotated[int, Interval(ge=24, le=512)]
"""In pixels."""


def spoken_scenes(
    *,
    train: Size = 6000,
    validation: Size = 200,
    test: Size = 400,
    unseen_voice: Size = 400,
    side: Side = 64,
    things: Annotated[int, Interval(ge=1, le=3)] | None = None,
    voices: Sequence[str] = VOICES,
    speech: bool = True,
    telling: Literal["various", "plain"] = "various",
    seed: int = 0,
    shard_rows: Size = 250,
) -> DatasetDict:
    """Build scenes with images, captions and speech, or read them from the cache.

    Splits: train and validation show no held-out pair of shape and color; every scene of test has one; the scenes of
    unseen_voice are new and have their own voice. `label` is the scene as JSON, see `scene_of`. A build that
    was interrupted resumes.

    Args:
        train: Number of scenes.
        validation: Number of scenes.
        test: Number of scenes.
        unseen_voice: Number of scenes.
        side: Pixels of an image's side.
        things: Objects in every scene; None for one to three.
        voices: `flite:NAME` or `espeak:NAME`, drawn uniformly.
        speech: False leaves the audio out.
        telling: `plain` for one fixed caption per scene, see `captions.plain_caption`.
        seed: Of the scenes.
        shard_rows: Rows in a parquet shard.

    Raises:
        DataError: A synthesizer is missing.
        ConfigError: An argument is out of range.
    """
    counts = dict(zip(SPLITS, (train, validation, test, unseen_voice), strict=True))
    settings = {
        **counts, "side": side, "things": things, "voices": list(voices) if speech else [], "seed": seed,
        "shard_rows": shard_rows, "version": VERSION, **({} if telling == "various" else {"telling": telling}),
    }  # fmt: skip
    folder = settings_folder(cache_dir() / "datasets", f"spoken-scenes-{side}", settings)
    done = folder / "done.json"
    if not done.exists() and speech:
        for voice in (*voices, UNSEEN_VOICE):
            check_voice(voice)
    from tqdm import tqdm

    features = row_features(**phone_features())
    quiet = True if done.exists() else None
    with tqdm(total=sum(counts.values()), desc="spoken scenes", unit="scene", disable=quiet) as bar:
        files = {
            split: build_split(
                folder, split, range(count),
                partial(
                    _rows, split=split, side=side, things=things, voices=list(voices), speech=speech, telling=telling,
                    seed=seed,
                ),
                features, shard_rows=shard_rows, advance=bar.update,
            )
            for split, count in counts.items()
        }  # fmt: skip
    if not done.exists():
        write_json(done, settings)
    return open_shards(files, features, folder)


def scene_of(label: str) -> Scene:
    """The scene in a row's `label`."""
    content = json.loads(label)
    things = (Thing(**{**thing, "shift": tuple(thing["shift"])}) for thing in content["things"])
    return Scene(content["background"], tuple(things))


def _rows(
    indices: Sequence[int],
    split: str,
    side: int,
    things: int | None,
    voices: list[str],
    speech: bool,
    telling: str,
    seed: int,
) -> list[Row]:
    def one(index: int) -> Row:
        # One generator per scene, so that a corpus of another size starts with the same scenes.
        chance = random.Random(f"{seed} {split} {index}")
        scene = random_scene(chance, things=things or chance.choice(COUNTS), held_out=split == "test")
        text = caption(scene, chance) if telling == "various" else plain_caption(scene)
        voice, rate = chance.choice(voices), chance.choice(RATES)
        row: dict[str, Any] = {}
        if speech:
            voice = UNSEEN_VOICE if split == "unseen_voice" else voice
            row["audio"], spoken = speak(text, voice, rate)
            row["speaker"] = voice
            if spoken is not None:
                row |= phone_columns(spoken.phones, spoken.ends_s, PHONE_SET)
        return make_row(
            id=f"{split}-{index:05d}", text=text, split=split, image=_png(scene, side),
            label=json.dumps(asdict(scene)), **row,
        )  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, indices))


def _png(scene: Scene, side: int) -> bytes:
    buffer = io.BytesIO()
    draw(scene, side).save(buffer, format="PNG")
    return buffer.getvalue()
