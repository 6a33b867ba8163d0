"""Downloads from a Hub that runs in this process, on the loopback interface."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlparse

import pytest

from mmzoo import errors

COMMIT = "a" * 40


class FakeHub(ThreadingHTTPServer):
    """Serves `org/good` (a model), `org/pickle` (a pickle), and refuses `org/gated`."""

    files: ClassVar = {
        "org/good": {
            "README.md": b"---\nlicense: mit\n---\n",
            "config.json": b"{}",
            "model.safetensors": b"weights",
            "pytorch_model.bin": b"pickle",
            "samples/a.wav": b"sound",
            "run.py": b"code",
        },
        "org/pickle": {"config.json": b"{}", "pytorch_model.bin": b"pickle"},
        "org/bare": {"config.json": b"{}"},
    }

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlparse(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        pieces = path.strip("/").split("/")
        api = pieces[:2] == ["api", "models"]
        repo = "/".join(pieces[2:4] if api else pieces[:2])
        if repo == "org/gated":
            return self.refuse(403, "GatedRepo")
        if repo == "org/broken":
            return self.refuse(500, "")
        if repo not in FakeHub.files:
            return self.refuse(404, "RepoNotFound")
        files = FakeHub.files[repo]
        if api and len(pieces) > 5 and pieces[5] not in ("main", COMMIT):
            return self.refuse(404, "RevisionNotFound")
        if api and pieces[4:5] == ["tree"]:
            tree = [{"type": "file", "path": name, "size": len(data), "oid": "0" * 40} for name, data in files.items()]
            return self.answer(json.dumps(tree).encode())
        if api:
            info = {"id": repo, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files], "private": False}
            return self.answer(json.dumps(info).encode())
        name = "/".join(pieces[4:])
        if name not in files:
            return self.refuse(404, "EntryNotFound")
        return self.answer(files[name], {"ETag": f'"{name.replace("/", "-")}"', "X-Repo-Commit": COMMIT})

    def answer(self, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    from huggingface_hub import constants

    server = FakeHub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    yield server
    server.shutdown()
    server.server_close()


def fetch(hub: FakeHub, repo: str, revision: str | None = None, *, weights: bool = True) -> Path:
    from mmzoo.hub.huggingface import download

    return download(repo, revision, weights=weights, endpoint=hub.url)


def test_downloads_only_what_is_needed(hub: FakeHub) -> None:
    folder = fetch(hub, "org/good", weights=False)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json"]
    assert fetch(hub, "org/good") == folder and folder.name == COMMIT
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert not any("pytorch_model.bin" in request or "run.py" in request for request in hub.requests)


def test_cached_commit_needs_no_hub(hub: FakeHub) -> None:
    folder = fetch(hub, "org/good", COMMIT)
    hub.requests.clear()
    assert fetch(hub, "org/good", COMMIT) == folder
    assert not hub.requests


@pytest.mark.parametrize(
    ("repo", "revision", "kind", "match"),
    [
        ("org/none", None, errors.HubError, "There is no model org/none on the Hub, or it is private"),
        ("org/gated", None, errors.HubError, "org/gated on the Hub is gated"),
        ("org/good", "v9", errors.HubError, "org/good on the Hub has no revision 'v9'"),
        ("org/broken", None, errors.HubError, "org/broken could not be fetched"),
        (
            "org/pickle",
            None,
            errors.WeightsError,
            "has pytorch_model.bin but no model.safetensors, and mmzoo never reads",
        ),
        ("org/bare", None, errors.WeightsError, "org/bare on the Hub has no model.safetensors"),
    ],
)
def test_trouble(hub: FakeHub, repo: str, revision: str | None, kind: type[Exception], match: str) -> None:
    with pytest.raises(kind, match=match) as caught:
        fetch(hub, repo, revision)
    assert type(caught.value) is kind and "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_no_hub_at_all(hub: FakeHub) -> None:
    hub.shutdown()
    hub.server_close()
    with pytest.raises(errors.HubError, match="org/good could not be fetched"):
        fetch(hub, "org/good")


def test_switched_off(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(errors.HubError) as caught:
        fetch(hub, "org/good")
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_a_model_is_created_from_the_hub_and_is_the_one_that_was_put_there(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mmzoo

    card = Path(__file__).parents[2] / "model_cards" / "phonemizer-en"
    files = {path.name: path.read_bytes() for path in card.iterdir() if path.is_file()}
    monkeypatch.setitem(FakeHub.files, "org/phonemizer", files)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    here = mmzoo.create("phonemizer-en")
    there = mmzoo.create(f"hf-hub:org/phonemizer@{COMMIT}", allow_licenses={"apache-2.0"})
    text = "Doctor Smith paid for a glimmerish of zorp."
    assert there(text).phrases == here(text).phrases
