"""One component of a weights file on the Hub: its header and the bytes of that component, and nothing else."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from mmzoo.errors import ChecksumError, CorruptFileError, UnknownNameError
from mmzoo.hub.components import component_digests
from mmzoo.hub.huggingface import answers_in_time, snapshot_folder
from mmzoo.hub.tensor_file import corrupt, header_length
from mmzoo.hub.trouble import hub_errors
from mmzoo.model_folder import WEIGHTS_NAME
from mmzoo.system import write_whole


def fetch_part(repo: str, commit: str, part: str, expected: str) -> Path:
    """A small safetensors file of one component, from the cache or fetched by byte ranges.

    Args:
        repo: `org/name` on the Hub.
        commit: The commit to read.
        part: A slot; the names of its tensors begin with it.
        expected: The component's digest, as config.json says (see `components`).

    Raises:
        ChecksumError: The bytes are not those of the digest.
        CorruptFileError: The file is malformed.
        UnknownNameError: The file has no such component.
        HubError: The Hub did not give what was asked for.
    """
    path = snapshot_folder(repo, commit).parent.parent / "parts" / commit / f"{part}.safetensors"
    fresh = not path.is_file()
    if fresh:
        _store(path, repo, commit, part)
    if component_digests(path, [part])[part] != expected:
        path.unlink()
        arrival = "arrived with" if fresh else "has, in the cache,"
        raise ChecksumError(
            f"The component {part} of {repo} {arrival} other bytes than its config.json says, and was thrown away;"
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
            f"{remote.label} has no tensors of a component {part!r}; load the whole model.", name=part
        )
    # safetensors will check the small file; here only what would make us fetch more than the whole one.
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
    """Spans that touch, joined: one request for each run."""
    runs: list[tuple[int, int]] = []
    for begin, end in spans:
        if runs and runs[-1][1] == begin:
            runs[-1] = (runs[-1][0], end)
        elif end > begin:
            runs.append((begin, end))
    return runs


class RemoteFile:
    """`model.safetensors` of one commit, read by ranges through the Hub's own client.

    size: of the whole file in bytes, once something was read.
    """

    def __init__(self, repo: str, commit: str) -> None:
        from huggingface_hub import hf_hub_url

        self.repo, self.commit, self.size = repo, commit, 0
        self.label = f"{WEIGHTS_NAME} of {repo} at {commit[:12]}"
        self.url = hf_hub_url(repo, WEIGHTS_NAME, revision=commit, endpoint=os.environ.get("HF_ENDPOINT"))

    def read(self, begin: int, end: int) -> bytes:
        """These bytes. Raises HubError, CorruptFileError if others come."""
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
        self.size = int(span[3])
        if len(response.content) != min(end, self.size) - begin:
            raise CorruptFileError(f"A part of {self.label} did not arrive whole; try again.")
        data: bytes = response.content
        return data
