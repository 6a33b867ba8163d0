"""Model folders from the Hugging Face Hub. `huggingface_hub` is imported only when a download is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmzoo.errors import HubError, WeightsError
from mmzoo.hub.sources import WEIGHTS_NAME, is_pickle

TEXT_PATTERNS = ["*.json", "*.md", "*.yaml", "*.yml", "*.txt"]
WEIGHT_PATTERNS = [WEIGHTS_NAME]


def download(repo: str, revision: str | None, *, weights: bool, endpoint: str | None = None) -> Path:
    """The cached snapshot of a repo at one commit: its texts and, with weights, `model.safetensors`.

    The revision is resolved to a commit once, so that config and weights are of the same commit. Raises
    HubError for every kind of Hub trouble, WeightsError for a repo with pickles only.
    """
    import huggingface_hub

    endpoint = endpoint or os.environ.get("HF_ENDPOINT")
    patterns = TEXT_PATTERNS + (WEIGHT_PATTERNS if weights else [])
    with _hub_errors(repo, revision):
        api = huggingface_hub.HfApi(endpoint=endpoint)
        resolved = api.resolve_revision(repo, revision=revision)
        folder = Path(
            huggingface_hub.snapshot_download(repo, revision=resolved, allow_patterns=patterns, endpoint=endpoint)
        )
        if weights and not (folder / WEIGHTS_NAME).is_file():
            _refuse(repo, api.list_repo_files(repo, revision=folder.name))
    return folder


def _refuse(repo: str, names: list[str]) -> None:
    pickles = sorted(name for name in names if is_pickle(name))
    if pickles:
        raise WeightsError(
            f"{repo} on the Hub has {pickles[0]} but no {WEIGHTS_NAME}, and mmzoo never reads pickles;"
            " ask its authors for safetensors."
        )
    raise WeightsError(f"{repo} on the Hub has no {WEIGHTS_NAME}; it is not the repo of an mmzoo model.")


@contextmanager
def _hub_errors(repo: str, revision: str | None) -> Iterator[None]:
    """Every way the Hub can fail, as one sentence. The order matters: some errors are subclasses of others."""
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    at = f" at revision {revision!r}" if revision else ""
    try:
        yield
    except errors.GatedRepoError as error:
        raise HubError(
            f"{repo} on the Hub is gated; ask for access on its page and log in with `hf auth login`."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(
            f"{repo} on the Hub has no revision {revision!r}; see its page for branches and tags."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(
            f"There is no model {repo} on the Hub, or it is private; check the name or log in with `hf auth login`."
        ) from error
    except errors.OfflineModeIsEnabled as error:
        raise HubError(
            f"{repo}{at} is not in the cache and the Hub is switched off (HF_HUB_OFFLINE); download it once online."
        ) from error
    except errors.HFValidationError as error:
        raise HubError(f"The Hub does not accept the name {repo!r}{at}; write it as org/name.") from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, httpx.HTTPError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
        raise HubError(
            f"{repo}{at} could not be fetched from the Hub ({reason}); check the network and try again."
        ) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "huggingface_hub":
            raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
        raise HubError(f"{repo}{at} could not be fetched from the Hub ({reason}); try again later.") from error
