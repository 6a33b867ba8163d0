"""Sources of a model's folder: bundled with mmzoo, a local folder, or the Hugging Face Hub."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mmzoo.errors import ChecksumError, NoWeightsError, UsageError, WeightsError
from mmzoo.model_folder import CONFIG_NAME, WEIGHTS_NAME, is_pickle
from mmzoo.registry.names import NAME
from mmzoo.safe_text import one_line
from mmzoo.system import sha256_of

SCHEMES = ("bundled", "hf-hub", "local-dir")
WORD = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
REPO = re.compile(rf"{WORD}/{WORD}(?<!\.git)")
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,254}")


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed source. `place` is a folder or `org/name` on the Hub; empty for bundled weights."""

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
    """Whether a text is a valid repository name on the Hub, which is `org/name`."""
    return bool(REPO.fullmatch(text)) and ".." not in text and "--" not in text


def is_revision(text: str) -> bool:
    """Whether a text is a valid name for a branch, tag or commit."""
    return bool(REVISION.fullmatch(text)) and ".." not in text


def parse_source(text: str, revision: str | None = None) -> Source:
    """Parse `bundled`, `local-dir:path` or `hf-hub:org/name[@revision]`. Raises UsageError for anything else."""
    scheme, _, place = text.partition(":")
    if scheme not in SCHEMES:
        raise UsageError(
            f"{text!r} is not a source of weights; write bundled, local-dir:path or hf-hub:org/name@revision."
        )
    if scheme != "hf-hub":
        if revision is not None:
            raise UsageError(f"Only models on the Hub have revisions, and {text!r} is not one; leave out revision.")
        if (scheme == "local-dir") != bool(place):
            raise UsageError(f"{text!r} is not a source of weights; write bundled or local-dir:path.")
        return Source(scheme, place)
    repo, at, tail = place.partition("@")
    if not is_repo(repo):
        raise UsageError(f"{text[:120]!r} is not a Hub repository; write hf-hub:org/name or hf-hub:org/name@revision.")
    if at and revision is not None and revision != tail:
        raise UsageError(f"{text!r} and revision={revision!r} name two revisions; give only one.")
    chosen = tail if at else revision
    if chosen is not None and not is_revision(chosen):
        raise UsageError(f"{chosen[:120]!r} is not a valid revision of {repo}; give a branch, a tag or a commit.")
    return Source(scheme, repo, chosen)


def bundled_folder(name: str) -> Path | None:
    """The bundled model repo: inside the installed package, or beside it in a checkout.

    None if there is none of that name, or it is not a valid name.
    """
    import mmzoo

    if not NAME.fullmatch(name):
        return None

    package = Path(mmzoo.__file__).resolve().parent
    places = [package / "model_cards"]
    if (package.parent / "pyproject.toml").is_file():
        places.append(package.parent / "model_cards")
    return next((place / name for place in places if (place / name / CONFIG_NAME).is_file()), None)


def fetch(source: Source, name: str, *, what: str = "weights") -> Path:
    """The folder of a model on this machine, downloaded from the Hub if needed.

    Args:
        source: Where the folder is.
        name: The model's name, to locate bundled models and for messages.
        what: The files needed: `texts`, `weights`, `proof` or `all`, as for `huggingface.download`.

    Raises:
        NoWeightsError, UsageError, HubError, WeightsError: The folder is not available, or has no weights.
    """
    if source.scheme == "hf-hub":
        from mmzoo.hub.huggingface import download

        folder = download(source.place, source.revision, what=what)
    elif source.scheme == "local-dir":
        folder = local_folder(source.place)
        if not folder.is_dir():
            raise UsageError(f"There is no folder {one_line(folder)}; write the path of a model's folder.")
    else:
        bundled = bundled_folder(name)
        if bundled is None:
            raise NoWeightsError(
                f"The weights of {name!r} are not in this installation; pass pretrained=False for fresh parameters."
            )
        folder = bundled
    if what != "texts" and not (folder / WEIGHTS_NAME).is_file():
        names = [path.name for path in folder.iterdir()]
        raise without_weights(str(folder), names, "convert it to safetensors first", "a complete model folder")
    return folder


def without_weights(place: str, names: Iterable[str], advice: str, expected: str) -> WeightsError:
    """The error for a place without weights that mmzoo reads.

    Args:
        place: What lacks the weights.
        names: The files that are there.
        advice: What to do if they include a pickle.
        expected: What the place is not, if they include none.
    """
    pickles = sorted(filter(is_pickle, names))
    if pickles:
        return WeightsError(f"{place} has {pickles[0]} but no {WEIGHTS_NAME}, and mmzoo never reads pickles; {advice}.")
    return WeightsError(f"{place} has no {WEIGHTS_NAME}; it is not {expected}.")


def local_folder(place: str) -> Path:
    """The path in `local-dir:path` with `~` expanded. Raises UsageError if `~name` has no home folder."""
    try:
        return Path(place).expanduser()
    except RuntimeError as error:
        raise UsageError(f"There is no home folder for {place[:80]!r}; write the folder's full path.") from error


def with_revision(source: Source, revision: str | None) -> Source:
    """The source at another revision, if one is given. Raises UsageError if it is not on the Hub."""
    if revision is None:
        return source
    return parse_source(str(replace(source, revision=None)), revision)


def verify_sha256(path: Path, pinned: str, remedy: str = "get the file that belongs to it") -> None:
    """Raise ChecksumError unless the file's sha256 is the pinned one. remedy: What to do, for the message."""
    actual = sha256_of(path)
    if actual != pinned.lower():
        raise ChecksumError(f"{path} has sha256 {actual[:16]}..., but {pinned[:16]}... is pinned; {remedy}.")
