"""Public corpora in their original folders, as rows that reference the files: nothing is copied."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.data import fingerprinted, make_row, to_dataset
from mmzoo.data.shards import Row
from mmzoo.errors import DataError
from mmzoo_datasets.own.finish import Settings, finished

if TYPE_CHECKING:
    from datasets import DatasetDict

PICTURES = {".jpeg", ".jpg", ".png"}
FEW_ENOUGH = 0.05


def imagenet(*, root: str, max_unreadable: float = FEW_ENOUGH) -> DatasetDict:
    """ImageNet-1k (ILSVRC 2012); splits train and validation.

    `label` is the WordNet id and `text` its first name from `LOC_synset_mapping.txt`, or the id without that file. The
    classes of a flat `val/` are read from `LOC_val_solution.csv`. Both files are in root or up to three folders above.

    Args:
        root: The folder with `train/<WordNet id>/*.JPEG` and `val/`, as Kaggle distributes it (ILSVRC/Data/CLS-LOC).
        max_unreadable: Largest fraction of a split whose files may be unreadable; these are named and left out.

    Raises:
        DataError: A file or folder is missing.
    """
    source = _folder(root, "imagenet-1k", ("train", "val"))
    names = _names(source)

    def row(split: str, path: Path, label: str) -> Row:
        return make_row(id=path.stem, text=names.get(label, label), split=split, image=path, label=label)

    def train() -> Iterator[Row]:
        for path in sorted((source / "train").glob("*/*")):
            if path.suffix.lower() in PICTURES:
                yield row("train", path, path.parent.name)

    def validation() -> Iterator[Row]:
        flat = [path for path in sorted((source / "val").iterdir()) if path.suffix.lower() in PICTURES]
        classes = _validation_classes(source) if flat else {}
        for path in flat:
            if path.stem not in classes:
                raise DataError(f"LOC_val_solution.csv has no class for {path}; download both again.")
            yield row("validation", path, classes[path.stem])
        for path in sorted((source / "val").glob("*/*")):
            if path.suffix.lower() in PICTURES:
                yield row("validation", path, path.parent.name)

    return _splits(source, {"train": train(), "validation": validation()}, max_unreadable)


def coco_captions(*, root: str, year: int = 2017, max_unreadable: float = FEW_ENOUGH) -> DatasetDict:
    """COCO captions, one row for each caption; splits train and validation. `label` is the image's id.

    Args:
        root: The folder with `annotations/captions_train2017.json`, `train2017/` and the same for `val`; a split
            without annotations is left out.
        year: Of the annotations.
        max_unreadable: Largest fraction of a split whose files may be unreadable; these are named and left out.

    Raises:
        DataError: There are no annotations, or an image is missing.
    """
    source = _folder(root, "coco-captions", ("annotations",))

    def rows(split: str, part: str, path: Path) -> Iterator[Row]:
        try:
            content = json.loads(path.read_text("utf-8"))
            files = {int(image["id"]): str(image["file_name"]) for image in content["images"]}
            captions = [(int(a["id"]), int(a["image_id"]), str(a["caption"])) for a in content["annotations"]]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is not in COCO's layout ({error!r}); download it again.") from error
        for number, image, caption in captions:
            picture = source / f"{part}{year}" / files.get(image, "")
            if image not in files or not picture.is_file():
                raise DataError(f"{path}: caption {number} is of picture {image}, but there is no {picture}.")
            yield make_row(
                id=f"{image}-{number}", text=" ".join(caption.split()), split=split, image=picture, label=str(image)
            )

    parts = {"train": "train", "validation": "val"}
    files = {split: source / "annotations" / f"captions_{part}{year}.json" for split, part in parts.items()}
    return _splits(source, {s: rows(s, parts[s], path) for s, path in files.items() if path.is_file()}, max_unreadable)


def librispeech(
    *,
    root: str,
    train: Sequence[str] = ("train-clean-100", "train-clean-360", "train-other-500"),
    validation: Sequence[str] = ("dev-clean",),
    test: Sequence[str] = ("test-clean",),
    max_unreadable: float = FEW_ENOUGH,
) -> DatasetDict:
    """LibriSpeech: text in lower case, speaker by number, 16 kHz FLAC.

    Args:
        root: The folder `LibriSpeech` with `<part>/<speaker>/<chapter>/`.
        train: Parts of the training split; missing parts are skipped. Without parts the split is left out.
        validation: Parts of the validation split.
        test: Parts of the test split.
        max_unreadable: Largest fraction of a split whose files may be unreadable; these are named and left out.

    Raises:
        DataError: A split has no rows, or a transcript has no audio.
    """
    source = _folder(root, "librispeech", ())

    def rows(split: str, parts: Sequence[str]) -> Iterator[Row]:
        for part in parts:
            for transcript in sorted((source / part).glob("*/*/*.trans.txt")):
                for line in transcript.read_text("utf-8").splitlines():
                    name, _, text = line.partition(" ")
                    sound = transcript.parent / f"{name}.flac"
                    if not text or not sound.is_file():
                        raise DataError(
                            f"{transcript} has the line {line[:60]!r}, but there is no {sound} with a text."
                        )
                    speaker = name.partition("-")[0]
                    yield make_row(id=name, text=text.strip().lower(), split=split, audio=sound, speaker=speaker)

    wanted = {"train": train, "validation": validation, "test": test}
    return _splits(source, {split: rows(split, parts) for split, parts in wanted.items() if parts}, max_unreadable)


def speech_commands(*, root: str, max_unreadable: float = FEW_ENOUGH) -> DatasetDict:
    """Speech Commands (Warden, arXiv 1804.03209): one word per second of audio; splits by the corpus's own lists.

    `text` and `label` are the word, `speaker` is the hash in the file's name. Background noise is left out.

    Args:
        root: The folder with one folder per word, `validation_list.txt` and `testing_list.txt`.
        max_unreadable: Largest fraction of a split whose files may be unreadable; these are named and left out.

    Raises:
        DataError: The folder has another layout.
    """
    source = _folder(root, "speech-commands", ())
    lists: dict[str, str] = {}
    for split, name in (("validation", "validation_list.txt"), ("test", "testing_list.txt")):
        if not (source / name).is_file():
            raise DataError(f"{source} has no {name}; root must be the unpacked folder of Speech Commands.")
        lists |= dict.fromkeys((source / name).read_text("utf-8").split(), split)
    rows: dict[str, list[Row]] = {"train": [], "validation": [], "test": []}
    for path in sorted(source.glob("[a-z]*/*.wav")):
        word = path.parent.name
        split = lists.pop(f"{word}/{path.name}", "train")
        speaker = path.stem.partition("_nohash_")[0]
        rows[split].append(
            make_row(id=f"{word}-{path.stem}", text=word, split=split, audio=path, speaker=speaker, label=word)
        )
    if lists:
        raise DataError(f"The lists in {source} name {len(lists)} files that do not exist, such as {min(lists)}.")
    return _splits(source, rows, max_unreadable)


def _folder(root: str, name: str, parts: Sequence[str]) -> Path:
    source = Path(root).expanduser().resolve()
    for folder in (source, *(source / part for part in parts)):
        if not folder.is_dir():
            raise DataError(f"{name} needs the folder {folder}, which does not exist; root is {root!r}.")
    return source


def _splits(source: Path, rows: Mapping[str, Iterable[Row]], max_unreadable: float) -> DatasetDict:
    """The rows of each split whose files can be read."""
    made = {}
    for split, some in rows.items():
        listed = list(some)
        if not listed:
            raise DataError(f"{source} has no rows for the split {split}; check that it was unpacked completely.")
        made[split] = fingerprinted(to_dataset(listed))
    if not made:
        raise DataError(f"{source} has no files of this dataset; check that it was unpacked there.")
    settings = Settings(validation=0.0, max_unreadable=max_unreadable, clip_seconds=None)
    return finished(str(source), made, settings)


def _above(source: Path, name: str) -> Path | None:
    """A file in a folder or up to three above it."""
    return next((f / name for f in (source, *list(source.parents)[:3]) if (f / name).is_file()), None)


def _names(source: Path) -> dict[str, str]:
    path = _above(source, "LOC_synset_mapping.txt")
    lines = path.read_text("utf-8").splitlines() if path else []
    return {key: names.partition(",")[0].strip() for key, _, names in (line.partition(" ") for line in lines)}


def _validation_classes(source: Path) -> dict[str, Any]:
    path = _above(source, "LOC_val_solution.csv")
    if path is None:
        raise DataError(
            f"{source / 'val'} has pictures outside class folders, but no LOC_val_solution.csv gives their classes."
        )
    with path.open(encoding="utf-8", newline="") as file:
        return {row["ImageId"]: row["PredictionString"].split()[0] for row in csv.DictReader(file)}
