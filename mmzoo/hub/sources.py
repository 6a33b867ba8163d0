"""Where the folder of a model comes from: bundled with mmzoo, a local folder, or the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmzoo.errors import ChecksumError, NoWeightsError, UsageError, WeightsError
from mmzoo.registry.names import NAME

WEIGHTS_NAME = "model.safetensors"
SCHEMES = ("bundled", "hf-hub", "local-dir")
WORD = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
REPO = re.compile(rf"{WORD}/{WORD}(?<!\.git)")
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,254}")


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed source. place: a folder, or `org/name` on the Hub; empty for bundled weights."""

    scheme: str
    place: str = ""
    revision: str | None = None

    def __str__(self) -> str:
        text = f"{self.scheme}:{self.place}" if self.place else self.scheme
        return f"{text}@{self.revision}" if self.revision else text


def is_source(text: str) -> bool:
    """Whether a name given to `create` is a source such as `local-dir:path`."""
    return text.partition(":")[0] in SCHEMES and ":" in text


def is_repo(text: str) -> bool:
    """Whether the Hub could have a repository of this name, which is `org/name`."""
    return bool(REPO.fullmatch(text)) and ".." not in text and "--" not in text


def is_revision(text: str) -> bool:
    """Whether a branch, a tag or a commit can be called so."""
    return bool(REVISION.fullmatch(text)) and ".." not in text


def parse_source(text: str, revision: str | None = None) -> Source:
    """`bundled`, `local-dir:path` or `hf-hub:org/name[@revision]`. Raises UsageError."""
    scheme, _, place = text.partition(":")
    if scheme not in SCHEMES:
        raise UsageError(
            f"{text!r} is no source of weights; write bundled, local-dir:path or hf-hub:org/name@revision."
        )
    if scheme != "hf-hub":
        if revision is not None:
            raise UsageError(f"revision is for models on the Hub, and {text!r} has no revisions; leave it out.")
        if (scheme == "local-dir") != bool(place):
            raise UsageError(f"{text!r} is no source of weights; write bundled or local-dir:path.")
        return Source(scheme, place)
    repo, at, tail = place.partition("@")
    if not is_repo(repo):
        raise UsageError(f"{text[:120]!r} names no Hub repository; write hf-hub:org/name or hf-hub:org/name@revision.")
    if at and revision is not None and revision != tail:
        raise UsageError(f"{text!r} and revision={revision!r} ask for two revisions; give one of them.")
    chosen = tail if at else revision
    if chosen is not None and not is_revision(chosen):
        raise UsageError(f"{chosen[:120]!r} is no revision of {repo}; give a branch, a tag or a commit.")
    return Source(scheme, repo, chosen)


def bundled_folder(name: str) -> Path | None:
    """The model repo that came with mmzoo: inside the installed package, or beside it in a checkout.

    None if there is none, or the name is not a model's.
    """
    import mmzoo

    if not NAME.fullmatch(name):
        return None

    package = Path(mmzoo.__file__).resolve().parent
    places = [package / "model_cards"]
    if (package.parent / "pyproject.toml").is_file():
        places.append(package.parent / "model_cards")
    return next((place / name for place in places if (place / name / "config.json").is_file()), None)


def fetch(source: Source, name: str, *, what: str = "weights") -> Path:
    """The folder of a model on this machine; from the Hub only what is needed is downloaded.

    name: of the model, for bundled ones and for messages. what: `texts` leaves the weights on the Hub, `all` brings
    the samples too.
    Raises NoWeightsError, UsageError, HubError, WeightsError.
    """
    if source.scheme == "hf-hub":
        from mmzoo.hub.huggingface import download

        folder = download(source.place, source.revision, what=what)
    elif source.scheme == "local-dir":
        folder = local_folder(source.place)
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}; local-dir: takes the folder of a saved model.")
    else:
        found = bundled_folder(name)
        if found is None:
            raise NoWeightsError(
                f"The weights of {name!r} are not in this installation; pass pretrained=False for fresh parameters."
            )
        folder = found
    if what != "texts" and not (folder / WEIGHTS_NAME).is_file():
        pickles = sorted(path.name for path in folder.iterdir() if is_pickle(path.name))
        if pickles:
            raise WeightsError(
                f"{folder} has {pickles[0]} but no {WEIGHTS_NAME}, and mmzoo never reads pickles;"
                " convert it to safetensors first."
            )
        raise WeightsError(f"{folder} has no {WEIGHTS_NAME}; it is not a complete model folder.")
    return folder


def local_folder(place: str) -> Path:
    """The path in `local-dir:path`, with `~` as shells have it. Raises UsageError where nobody is called so."""
    try:
        return Path(place).expanduser()
    except RuntimeError as error:
        raise UsageError(f"There is no home folder for {place[:80]!r}; write the folder's whole path.") from error


def is_pickle(name: str) -> bool:
    """Whether a file name is that of a pickled checkpoint."""
    return name.lower().endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"))


def with_revision(source: Source, revision: str | None) -> Source:
    """The source at another revision. Raises UsageError where there are no revisions."""
    if revision is None:
        return source
    return parse_source(str(replace(source, revision=None)), revision)


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify_sha256(path: Path, pinned: str, remedy: str = "get the file that belongs to it") -> None:
    """Raise ChecksumError unless the file's sha256 is the pinned one. remedy: what the message says to do."""
    actual = sha256_of(path)
    if actual != pinned.lower():
        raise ChecksumError(f"{path} has sha256 {actual[:16]}..., but {pinned[:16]}... is pinned; {remedy}.")


def card_license(folder: Path) -> str | None:
    """The `license` of the card's YAML front matter; None if there is none, or the front matter is malformed."""
    found = _card_front(folder).get("license")
    return found if isinstance(found, str) else None


def card_bases(folder: Path) -> tuple[str, ...]:
    """The models that this one was made from, as the card's `base_model` names them."""
    found = _card_front(folder).get("base_model")
    named = found if isinstance(found, list) else [found]
    return tuple(base for base in named if isinstance(base, str))


def _card_front(folder: Path) -> dict[str, Any]:
    from mmzoo.yaml_text import front_matter

    card = folder / "README.md"
    return front_matter(card.read_text(encoding="utf-8", errors="replace"))[0] if card.is_file() else {}
