"""A Hugging Face Hub on the loopback interface: what its HTTP protocol asks of the real client, with faults on demand.

Repositories live in memory; large files (`*.safetensors` and media) are LFS objects that `resolve` redirects to, as on
the Hub.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

LARGE = (".safetensors", ".bin", ".wav", ".png", ".flac", ".parquet")
TOKEN = "hf_TestingTokenTestingTokenTesting00"
DISABLED = "Access to this resource is disabled."


@dataclass
class Repo:
    """files by commit; branches and tags point at commits. The first commit is empty, as after creation."""

    private: bool = False
    gated: bool = False
    disabled: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    parents: dict[str, str | None] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Mapping[str, bytes], branch: str = "main") -> str:
        """Make these the files of the branch's next commit."""
        parent = self.branches.get(branch)
        text = json.dumps([parent, len(self.commits), sorted((k, git_sha1(v)) for k, v in files.items())])
        sha = hashlib.sha1(text.encode()).hexdigest()
        self.commits[sha], self.parents[sha] = dict(files), parent
        self.branches[branch] = sha
        return sha

    @property
    def files(self) -> dict[str, bytes]:
        """What is on main."""
        return self.commits[self.branches["main"]]

    def find(self, revision: str) -> str | None:
        """The commit of a branch, a tag or a commit."""
        if revision in self.commits:
            return revision
        return self.branches.get(revision) or self.tags.get(revision)


@dataclass
class Fault:
    """What happens to requests that match `METHOD path`, so many times.

    kind: `status` answers with it; `truncate` sends half of the body; `corrupt` changes a byte of it; `hang` never
    answers; `drop` closes the connection. headers: sent with the status.
    """

    match: str
    kind: str = "status"
    status: int = 503
    times: int = 1_000_000
    headers: Mapping[str, str] = field(default_factory=dict)
    hits: int = 0


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class HubServer(ThreadingHTTPServer):
    """The server. requests: `METHOD path` of each, in order; sent: bytes of file content that went out."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.sent = 0
        self.stopping = threading.Event()
        self.lock = threading.RLock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def store(self) -> str:
        """Where large files are; another host, as on the Hub, so that no token may follow there."""
        return f"http://localhost:{self.server_address[1]}/objects"

    def add(self, name: str, files: Mapping[str, bytes], **state: Any) -> str:
        """Put a repository with one commit there; returns the commit."""
        self.repos[name] = Repo(**state)
        return self.repos[name].commit(files)

    def fail(self, match: str, kind: str = "status", **details: Any) -> Fault:
        """Inject a fault; it stays until `faults.clear()` or until it has happened `times` times."""
        self.faults.append(Fault(match, kind, **details))
        return self.faults[-1]

    def fault_for(self, line: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.hits < fault.times and re.search(fault.match, line):
                    fault.hits += 1
                    return fault
        return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed on purpose are no news."""

    def count(self, match: str = "") -> int:
        """How many requests matched."""
        return sum(bool(re.search(match, line)) for line in self.requests)


class RefusalError(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        url = urlparse(self.path)
        self.query = parse_qs(url.query)
        path = unquote(url.path)
        line = f"{self.command} {path}"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.requests.append(line)
        self.fault = self.server.fault_for(line)
        if self.fault is not None and self.fault.kind in ("hang", "drop"):
            if self.fault.kind == "hang":
                self.server.stopping.wait(60)
            self.close_connection = True
            return
        try:
            if self.fault is not None and self.fault.kind == "status":
                self.send(b"", self.fault.status, self.fault.headers)
            else:
                self.route(path.strip("/").split("/"), body)
        except RefusalError as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
            text = json.dumps({"error": refusal.message or refusal.code}).encode()
            self.send(text, refusal.status, {key: value for key, value in headers.items() if value})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

    # --- who may see what ----------------------------------------------------------------------------

    def user(self) -> str | None:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if given and given != TOKEN:
            raise RefusalError(401, message="Invalid credentials in Authorization header")
        return "tester" if given else None

    def writer(self) -> None:
        if self.user() is None:
            raise RefusalError(401, message="Invalid username or password.")

    def repo(self, name: str, *, files: bool = False) -> Repo:
        user, found = self.user(), self.server.repos.get(name)
        if found is None or (found.private and user is None):
            raise RefusalError(404 if user else 401, "RepoNotFound", "Repository not found")
        if found.disabled:
            raise RefusalError(403, message=DISABLED)
        if found.gated and files:
            raise RefusalError(403, "GatedRepo", "Access to this model is restricted.")
        return found

    @staticmethod
    def revision(repo: Repo, revision: str) -> str:
        if (sha := repo.find(revision)) is None:
            raise RefusalError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha

    # --- routes --------------------------------------------------------------------------------------

    def route(self, pieces: list[str], body: bytes) -> None:
        match pieces:
            case ["api", "whoami-v2"]:
                self.writer()
                self.json({"type": "user", "name": "tester", "auth": {"type": "access_token"}})
            case ["api", "validate-yaml"]:
                self.json({"errors": [], "warnings": []})
            case ["api", "repos", "create"]:
                self.create(json.loads(body))
            case ["api", "models", owner, name, *rest]:
                self.api(f"{owner}/{name}", rest, body)
            case ["api", "datasets", owner, name, *rest]:
                self.api(f"datasets/{owner}/{name}", rest, body)
            case [owner, git, "info", "lfs", "objects", "batch"] if git.endswith(".git"):
                self.batch(f"{owner}/{git.removesuffix('.git')}", json.loads(body))
            case ["objects", oid]:
                self.object(oid, body)
            case ["datasets", owner, name, "resolve", revision, *path]:
                self.resolve(f"datasets/{owner}/{name}", revision, "/".join(path))
            case [owner, name, "resolve", revision, *path]:
                self.resolve(f"{owner}/{name}", revision, "/".join(path))
            case _:
                raise RefusalError(404, message=f"no such page: {self.path}")

    def api(self, name: str, rest: list[str], body: bytes) -> None:
        match rest:
            case []:
                self.info(name, "main")
            case ["revision", revision]:
                self.info(name, revision)
            case ["tree", revision, *folder]:
                self.tree(name, revision, "/".join(folder))
            case ["paths-info", revision]:
                repo = self.repo(name, files=True)
                files = repo.commits[self.revision(repo, revision)]
                asked = parse_qs(body.decode())["paths"] if b"=" in body[:20] else json.loads(body)["paths"]
                self.json([entry(path, files[path]) for path in asked if path in files])
            case ["refs"]:
                repo = self.repo(name)
                refs = {"branches": ("heads", repo.branches), "tags": ("tags", repo.tags)}
                self.json(
                    {"converts": []}
                    | {
                        key: [{"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": sha} for n, sha in of.items()]
                        for key, (kind, of) in refs.items()
                    }
                )
            case ["preupload", revision]:
                self.preupload(name, revision, json.loads(body))
            case ["commit", revision]:
                self.commit(name, revision, body)
            case ["branch", branch]:
                self.writer()
                asked = json.loads(body) if body else {}
                repo = self.repo(name)
                repo.branches[branch] = self.revision(repo, asked.get("startingPoint") or "main")
                self.json({})
            case ["tag", revision]:
                self.writer()
                repo, tag = self.repo(name), json.loads(body)["tag"]
                if tag in repo.tags:
                    raise RefusalError(409, message=f"Tag {tag} exists already")
                repo.tags[tag] = self.revision(repo, revision)
                self.json({})
            case _:
                raise RefusalError(404, message=f"no such page: {self.path}")

    def create(self, asked: Mapping[str, Any]) -> None:
        self.writer()
        name = f"{asked.get('organization') or 'tester'}/{asked['name']}"
        if name in self.server.repos:
            self.send(json.dumps({"url": f"{self.server.url}/{name}", "error": "exists"}).encode(), 409)
            return
        repo = self.server.repos[name] = Repo(private=asked.get("visibility") == "private")
        repo.commit({".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"})
        self.json({"url": f"{self.server.url}/{name}", "id": name})

    def info(self, name: str, revision: str) -> None:
        repo = self.repo(name)
        sha = self.revision(repo, revision)
        files = repo.commits[sha]
        self.json(
            {"id": name, "sha": sha, "private": repo.private, "gated": "manual" if repo.gated else False}
            | {"siblings": [{"rfilename": path} for path in files], "disabled": repo.disabled, "tags": []}
        )

    def tree(self, name: str, revision: str, folder: str) -> None:
        repo = self.repo(name, files=True)
        files = sorted(repo.commits[self.revision(repo, revision)].items())
        inside = [(path, data) for path, data in files if path.startswith(f"{folder}/" if folder else "")]
        if folder and not inside:
            raise RefusalError(404, "EntryNotFound", f"{folder} does not exist")
        if self.query.get("recursive", ["true"])[0].lower() == "true":
            self.json([entry(path, data) for path, data in inside])
            return
        rest = [(path.removeprefix(f"{folder}/"), path, data) for path, data in inside]
        folders = sorted({short.partition("/")[0] for short, _, _ in rest if "/" in short})
        start = f"{folder}/" if folder else ""
        self.json(
            [{"type": "directory", "path": start + name, "oid": "0" * 40, "size": 0} for name in folders]
            + [entry(path, data) for short, path, data in rest if "/" not in short]
        )

    def resolve(self, name: str, revision: str, path: str) -> None:
        repo = self.repo(name, files=True)
        sha = self.revision(repo, revision)
        if path not in repo.commits[sha]:
            raise RefusalError(404, "EntryNotFound", f"{path} does not exist")
        data = repo.commits[sha][path]
        headers = {"X-Repo-Commit": sha, "ETag": f'"{git_sha1(data)}"', "Accept-Ranges": "bytes"}
        if path.endswith(LARGE):
            oid = sha256(data)
            self.server.objects[oid] = data
            headers |= {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(data))}
            self.send(b"", 302, headers | {"Location": f"{self.server.store}/{oid}"})
        else:
            self.content(data, headers)

    def object(self, oid: str, body: bytes) -> None:
        if self.command == "PUT":
            if sha256(body) != oid:
                raise RefusalError(400, message="wrong content")
            self.server.objects[oid] = body
            self.send(b"", 200)
        elif oid in self.server.objects:
            self.content(self.server.objects[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"})
        else:
            raise RefusalError(404, message="no such object")

    # --- writing -------------------------------------------------------------------------------------

    def preupload(self, name: str, revision: str, asked: Mapping[str, Any]) -> None:
        self.writer()
        repo = self.repo(name)
        files = repo.commits[self.revision(repo, revision)]
        told = []
        for item in asked["files"]:
            path, large = item["path"], item["path"].endswith(LARGE)
            oid = (sha256 if large else git_sha1)(files[path]) if path in files else None
            told.append({"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, "oid": oid})
        self.json({"files": told})

    def batch(self, name: str, asked: Mapping[str, Any]) -> None:
        self.writer()
        self.repo(name)
        told = []
        for item in asked["objects"]:
            upload = {"upload": {"href": f"{self.server.store}/{item['oid']}", "header": {}}}
            known = item["oid"] in self.server.objects
            told.append({"oid": item["oid"], "size": item["size"]} | ({} if known else {"actions": upload}))
        self.json({"transfer": "basic", "objects": told})

    def commit(self, name: str, revision: str, body: bytes) -> None:
        self.writer()
        with self.server.lock:
            repo = self.repo(name)
            if revision not in repo.branches:
                raise RefusalError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            files = dict(repo.commits[repo.branches[revision]])
            for line in body.splitlines():
                item = json.loads(line)
                value = item["value"]
                match item["key"]:
                    case "header":
                        if value.get("parentCommit") not in (None, repo.branches[revision]):
                            raise RefusalError(
                                412, message="A commit has happened since. Please refresh and try again."
                            )
                    case "file":
                        files[value["path"]] = base64.b64decode(value["content"])
                    case "lfsFile":
                        if value["oid"] not in self.server.objects:
                            raise RefusalError(400, message=f"LFS object {value['oid']} was not uploaded")
                        files[value["path"]] = self.server.objects[value["oid"]]
                    case "deletedFile":
                        del files[value["path"]]
            sha = repo.commit(files, revision)
        self.json({"commitUrl": f"{self.server.url}/{name}/commit/{sha}", "commitOid": sha})

    # --- answers -------------------------------------------------------------------------------------

    def json(self, told: Any) -> None:
        self.send(json.dumps(told).encode(), 200, {"Content-Type": "application/json"})

    def content(self, data: bytes, headers: Mapping[str, str]) -> None:
        """A file, or the range of it that is asked for."""
        status, headers = 200, dict(headers)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked:
            begin, end = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
            if begin >= len(data):
                raise RefusalError(416, message="out of range")
            headers["Content-Range"] = f"bytes {begin}-{end}/{len(data)}"
            data, status = data[begin : end + 1], 206
        self.send(data, status, headers, counted=True)

    def send(
        self, body: bytes, status: int, headers: Mapping[str, str] | None = None, *, counted: bool = False
    ) -> None:
        length = len(body)
        if self.fault is not None and self.fault.kind == "corrupt" and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if self.fault is not None and self.fault.kind == "truncate":
            body, self.close_connection = body[: length // 2], True
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            with self.server.lock:
                self.server.sent += len(body) * counted

    def log_message(self, format: str, *args: object) -> None:
        pass


def entry(path: str, data: bytes) -> dict[str, Any]:
    """A file in a listing."""
    told: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": git_sha1(data)}
    if path.endswith(LARGE):
        told["lfs"] = {"oid": sha256(data), "size": len(data), "pointerSize": 130}
    return told


@contextmanager
def running() -> Iterator[HubServer]:
    """A server in a thread of this process."""
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
