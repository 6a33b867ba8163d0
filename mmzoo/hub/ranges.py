"""Fetches one component of a weights file on the Hub: the header and the bytes of that component only."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from mmzoo.errors import ChecksumError, CorruptFileError, UnknownNameError
from mmzoo.hub.components import component_digests
from mmzoo.hub.huggingface import answers_in_time, repo_folder
from mmzoo.hub.tensor_file import corrupt, header_length
from mmzoo.hub.trouble import hub_errors
from mmzoo.model_folder import WEIGHTS_NAME
from mmzoo.system import write_whole


def fetch_part(repo: str, commit: str, part: str, expected: str) -> Path:
    """A small safetensors file with one component, from the cache or fetched by byte ranges.

    Args:
        repo: `org/name` on the Hub.
        commit: The commit to read.
        part: The component's slot, with which the names of its tensors begin.
        expected: The component's digest in config.json (see `components`).

    Returns:
        The path of the file in the cache.

    Raises:
        ChecksumError: The bytes do not have the expected digest.
        CorruptFileError: The file is malformed.
        UnknownNameError: The file has no such component.
        HubError: The request failed.
    """
    path = repo_folder(repo) / "parts" / commit / f"{part}.safetensors"
    fresh = not path.is_file()
    if fresh:
        _store(path, repo, commit, part)
    if component_digests(path, [part])[part] != expected:
        path.unlink()
        state = "arrived" if fresh else "is in the cache"
        raise ChecksumError(
            f"The component {part} of {repo} {state} with a digest other than that in its config.json, and was deleted;"
            " try again."
        )
    return path


def _store(path: Path, repo: str, commit: str, part: str) -> None:
    remote = RemoteFile(repo, commit)
    data_start = 8 + header_length(remote.read(0, 8), remote.label)
    try:
        header = json.loads(remote.read(8, data_start))
        entries = {name: entry for name, entry in header.items() if name.startswith(f"{part}.")}
        spans = sorted((*map(int, entry["data_offsets"]), name) for name, entry in entries.items())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise corrupt(remote.label, "its header is malformed") from error
    if not entries:
        raise UnknownNameError(
            f"{remote.label} has no tensors of a component {part!r}; load the complete model.", name=part
        )
    # safetensors checks the small file; checked here is only what could make it larger than the complete one.
    room = remote.size - data_start
    inside = all(len(span) == 3 and 0 <= span[0] <= span[1] <= room for span in spans)
    if not inside or sum(end - begin for begin, end, _ in spans) > room:
        raise corrupt(remote.label, f"the tensors of {part} lie outside it or overlap")
    position = 0
    for begin, end, name in spans:
        entries[name]["data_offsets"] = [position, position + end - begin]
        position += end - begin
    text = json.dumps(dict(sorted(entries.items(), key=lambda item: item[1]["data_offsets"]))).encode()
    data = b"".join(
        remote.read(data_start + begin, data_start + end) for begin, end in _runs([span[:2] for span in spans])
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, len(text).to_bytes(8, "little") + text + data)


def _runs(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Adjacent spans joined, so that each run takes one request."""
    runs: list[tuple[int, int]] = []
    for begin, end in spans:
        if runs and runs[-1][1] == begin:
            runs[-1] = (runs[-1][0], end)
        elif end > begin:
            runs.append((begin, end))
    return runs


class RemoteFile:
    """`model.safetensors` of one commit, read by byte ranges with the Hub's own client.

    `size` is that of the complete file in bytes, known after the first read.
    """

    def __init__(self, repo: str, commit: str) -> None:
        from huggingface_hub import hf_hub_url

        self.repo, self.commit, self.size = repo, commit, 0
        self.label = f"{WEIGHTS_NAME} of {repo} at {commit[:12]}"
        self.url = hf_hub_url(repo, WEIGHTS_NAME, revision=commit, endpoint=os.environ.get("HF_ENDPOINT"))

    def read(self, begin: int, end: int) -> bytes:
        """Bytes `begin` to `end` (exclusive). Raises HubError, or CorruptFileError for an answer with other bytes."""
        from huggingface_hub.utils import (  # type: ignore[attr-defined]
            build_hf_headers,
            hf_raise_for_status,
            http_backoff,
        )

        headers: Mapping[str, str] = {"Range": f"bytes={begin}-{end - 1}", "Accept-Encoding": "identity"}
        with hub_errors(self.repo, self.commit), answers_in_time():
            response = http_backoff("GET", self.url, headers={**build_hf_headers(library_name="mmzoo"), **headers})
            hf_raise_for_status(response)
        span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
        if response.status_code != 206 or span is None or int(span[1]) != begin:
            raise CorruptFileError(
                f"The Hub did not send the requested part of {self.label}; load the complete model instead."
            )
        self.size = int(span[3])
        if len(response.content) != min(end, self.size) - begin:
            raise CorruptFileError(f"A part of {self.label} arrived incomplete; try again.")
        data: bytes = response.content
        return data
