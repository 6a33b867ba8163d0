"""One component of a weights file on the Hub: its header and the bytes of that component, and nothing else."""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzoo.errors import ChecksumError, CorruptFileError, UnknownNameError
from mmzoo.hub.components import component_digests, component_names
from mmzoo.hub.huggingface import answers_in_time, snapshot_folder
from mmzoo.hub.tensor_file import DTYPES, Layout, layout_of
from mmzoo.hub.trouble import hub_errors
from mmzoo.model_folder import WEIGHTS_NAME
from mmzoo.system import write_whole

KINDS = {dtype: kind for kind, dtype in DTYPES.items()}


def fetch_part(repo: str, commit: str, part: str, expected: str) -> Path:
    """A small safetensors file of one component, from the cache or fetched by byte ranges.

    part: a slot, which tensor names begin with. expected: its digest, as config.json says (see `components`).
    Raises ChecksumError for other bytes, CorruptFileError, UnknownNameError for no such component, HubError.
    """
    path = snapshot_folder(repo, commit).parent.parent / "parts" / commit / f"{part}.safetensors"
    fresh = not path.is_file()
    if fresh:
        _store(path, repo, commit, part)
    if component_digests(path, [part])[part] != expected:
        path.unlink()
        told = "arrived with" if fresh else "has, in the cache,"
        raise ChecksumError(
            f"The component {part} of {repo} {told} other bytes than its config.json says, and was thrown away;"
            " try again."
        )
    return path


def _store(path: Path, repo: str, commit: str, part: str) -> None:
    remote = RemoteFile(repo, commit)
    layout = layout_of(remote.label, remote.read, remote.size())
    names = component_names(layout, part)
    if not names:
        raise UnknownNameError(
            f"{remote.label} has no tensors of a component {part!r}; load the whole model.", name=part
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, _file_of(layout, sorted(names, key=lambda name: layout.spans[name]), remote))


def _file_of(layout: Layout, names: list[str], remote: RemoteFile) -> bytes:
    """A safetensors file of these tensors, which are given in the order of their bytes."""
    header: dict[str, Any] = {}
    position = 0
    for name in names:
        (dtype, shape), (begin, end) = layout.entries[name], layout.spans[name]
        header[name] = {"dtype": KINDS[dtype], "shape": shape, "data_offsets": [position, position + end - begin]}
        position += end - begin
    text = json.dumps(header).encode()
    data = b"".join(remote.read(begin, end) for begin, end in _runs([layout.spans[name] for name in names]))
    return struct.pack("<Q", len(text)) + text + data


def _runs(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that touch, joined: one request for each run."""
    runs: list[tuple[int, int]] = []
    for begin, end in spans:
        if runs and runs[-1][1] == begin:
            runs[-1] = (runs[-1][0], end)
        elif end > begin:
            runs.append((begin, end))
    return runs


class RemoteFile:
    """`model.safetensors` of one commit, read by ranges through the Hub's own client."""

    def __init__(self, repo: str, commit: str) -> None:
        from huggingface_hub import hf_hub_url

        self.repo, self.commit = repo, commit
        self.label = f"{WEIGHTS_NAME} of {repo} at {commit[:12]}"
        self.url = hf_hub_url(repo, WEIGHTS_NAME, revision=commit, endpoint=os.environ.get("HF_ENDPOINT"))
        self._start: bytes | None = None
        self._size = 0

    def size(self) -> int:
        """Of the whole file, in bytes."""
        if self._start is None:
            self._start = self._fetch(0, 8)
        return self._size

    def read(self, begin: int, end: int) -> bytes:
        """These bytes. Raises HubError, CorruptFileError if others come."""
        if (begin, end) == (0, 8) and self.size() >= 8:
            return self._start or b""
        return self._fetch(begin, end)

    def _fetch(self, begin: int, end: int) -> bytes:
        from huggingface_hub.utils import (  # type: ignore[attr-defined]
            build_hf_headers,
            hf_raise_for_status,
            http_backoff,
        )

        asked: Mapping[str, str] = {"Range": f"bytes={begin}-{end - 1}", "Accept-Encoding": "identity"}
        with hub_errors(self.repo, self.commit), answers_in_time():
            response = http_backoff("GET", self.url, headers={**build_hf_headers(library_name="mmzoo"), **asked})
            hf_raise_for_status(response)
        span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
        if response.status_code != 206 or span is None or int(span[1]) != begin:
            raise CorruptFileError(
                f"The Hub did not give the part of {self.label} that was asked for; load the whole model instead."
            )
        self._size = int(span[3])
        if len(response.content) != min(end, self._size) - begin:
            raise CorruptFileError(f"A part of {self.label} did not arrive whole; try again.")
        data: bytes = response.content
        return data
