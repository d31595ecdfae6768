"""A model hub on the loopback address that speaks enough of the Hugging Face protocol for the real client.

Repositories are names with commits, and commits are files. Below it, what the tests of models from elsewhere share.
"""

import copy
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import constants

from explainers import Bundle, Explanation, Request, explain
from explainers.models.cache import ModelCache
from explainers.settings import read_settings
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny

NAME = "somebody/some-model"
CANARY = "hf_canaryCANARYcanaryCANARYcanary0123"

INFO = re.compile(r"/api/models/(?P<name>[^/]+(?:/[^/]+)?)(?:/revision/(?P<revision>.+))?")
FILE = re.compile(r"/(?P<name>[^/]+(?:/[^/]+)?)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


def compute_etag(file: str, body: bytes) -> str:
    """Return the ETag of a file: the sha256 of a large one, git's blob hash of others."""
    if file.endswith(".safetensors"):
        return hashlib.sha256(body).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


@dataclass
class Repository:
    """Commits by hash, their names, and who may read_settings them."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    parameters: int | None = None  # what the hub has counted in the safetensors, if it has

    def commit(self, revision: str | None) -> str | None:
        """Return the hash of a revision: a name, a hash, or its beginning."""
        revision = revision or "main"
        known = [sha for sha in self.commits if len(revision) >= 7 and sha.startswith(revision)]
        return self.refs.get(revision) or next(iter(known), None)


@dataclass
class Hub:
    """The server's repositories, the requests that it got, and how it fails."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)  # method and path
    ranges: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    cuts: dict[str, int] = field(default_factory=dict)  # how often the connection is cut in the middle of a file
    hold: Callable[[str], None] = lambda path: None  # called before a body is sent
    status: int = 0  # the answer to everything, unless 0
    portal: bytes = b""  # the page that stands in for every answer, as in a hotel
    silent: bool = False
    closed: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def publish(self, name: str, files: dict[str, bytes], ref: str = "main", **more: object) -> str:
        """Add a commit to a repository under the name `ref`, and return its hash."""
        sha = hashlib.sha1(b"".join(name.encode() + body for name, body in sorted(files.items()))).hexdigest()
        repository = self.repositories.setdefault(name, Repository())
        repository.commits[sha] = files
        repository.refs[ref] = sha
        for key, value in more.items():
            setattr(repository, key, value)
        return sha

    def asked_for(self, part: str) -> int:
        """Count the requests with this in their path."""
        return sum(part in path for _, path in self.asked)


class Handler(BaseHTTPRequestHandler):
    """One connection of the client."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        """Answer a request, or fail as the test wants."""
        path, hub = unquote(urlsplit(self.path).path), self.hub
        hub.asked.append((self.command, path))
        if hub.silent:
            hub.closed.wait()
        elif hub.status or hub.portal:
            self.send(hub.status or 200, hub.portal or b"{}")
        elif match := INFO.fullmatch(path):
            self.info(**match.groupdict())
        elif match := FILE.fullmatch(path):
            self.file(**match.groupdict())
        else:
            self.fail(404, "EntryNotFound")

    def found(self, name: str, revision: str | None) -> tuple[Repository | None, str]:
        """Return the repository and commit, or None after answering with an error."""
        self.hub.tokens.add(self.headers.get("authorization", ""))
        repository = self.hub.repositories.get(name)
        if repository is None:
            self.fail(401, "RepoNotFound")  # the hub does not tell strangers which names exist
            return None, ""
        if (sha := repository.commit(revision)) is None:
            self.fail(404, "RevisionNotFound")
            return None, ""
        return repository, sha

    def info(self, name: str, revision: str | None) -> None:
        """Answer with a repository's commit and files."""
        repository, sha = self.found(name, revision)
        if repository is None:
            return
        siblings = [{"rfilename": file, "size": len(body)} for file, body in repository.commits[sha].items()]
        said = {"id": name, "sha": sha, "siblings": siblings}
        if repository.parameters is not None:
            said["safetensors"] = {"parameters": {"F32": repository.parameters}, "total": repository.parameters}
        self.send(200, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def file(self, name: str, revision: str, file: str) -> None:
        """Answer with a file, or the rest of it."""
        repository, sha = self.found(name, revision)
        if repository is None:
            return
        if repository.gated:
            return self.fail(403 if self.headers.get("authorization") else 401, "GatedRepo")
        if (body := repository.commits[sha].get(file)) is None:
            return self.fail(404, "EntryNotFound")
        headers = {"X-Repo-Commit": sha, "ETag": f'"{compute_etag(file, body)}"', "Accept-Ranges": "bytes"}
        if asked := self.headers.get("range"):
            self.hub.ranges.append(asked)
            first = int(asked.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
            return self.send(206, body[first:], headers, file)
        self.send(200, body, headers, file)

    def fail(self, status: int, code: str) -> None:
        """Answer with an error as the hub does."""
        self.send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None, file: str = "") -> None:
        """Send an answer, cut in the middle if the test wants that."""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.hub.cuts.get(file, 0) > 0:
            self.hub.cuts[file] -= 1
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        self.hub.hold(unquote(urlsplit(self.path).path))
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A server that does not mind clients that go away."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore a client that left, or a test that ended."""


@contextmanager
def run_hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Run a hub that the client in this process uses, with a cache folder of its own."""
    hub = Hub()
    handler = type("Handler", (Handler,), {"hub": hub})
    with Server(("127.0.0.1", 0), handler) as server:
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            hub.closed.set()
            server.shutdown()
            thread.join()
            huggingface_hub.close_session()


def clear_models(monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    """Empty the cache of models and apply other settings, as a restarted server does."""
    limits = read_settings({f"WHEREFORE_{name}": value for name, value in environment.items()})
    registry = ModelCache(limits.model_megabytes * 1_000_000)
    monkeypatch.setattr("explainers.models.loading.model_cache", lambda: registry)
    monkeypatch.setattr("explainers.models.loading.settings", lambda: limits)
    monkeypatch.setattr("explainers.engine.settings", lambda: limits)


def save_tiny(kind: str, folder: Path, labels: int = 3, task: str | None = None, **options: object) -> Path:
    """Save a tiny model with its tokenizer or image processor, and return the folder."""
    model, reader = tiny(kind, labels, task=task)
    model.save_pretrained(folder, **options)
    reader.save_pretrained(folder)
    return folder


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder as a commit."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def make_request(model: object = NAME) -> Request:
    """Return a request for a model."""
    return Request(
        "text_classification", str(model), {"text": SENTENCES[0]}, "input_x_gradient", params={"unit": "logit"}
    )


def make_loaded(kind: str, labels: int = 3, task: str | None = None) -> tuple:
    """Return a tiny model with the attention that every loaded model has, and what reads its inputs."""
    model, reader = tiny(kind, labels, task=task)
    model = copy.deepcopy(model)
    model.set_attn_implementation("eager")
    return model, reader


def assert_same(found: Explanation, kind: str, labels: int = 3) -> None:
    """Assert that an explanation equals that of the tiny model in memory, but for the last bits."""
    in_memory = explain(make_request(), bundle=Bundle.of(*make_loaded(kind, labels)))
    assert found.tokens == in_memory.tokens
    assert np.abs(found.scores).sum() > 0.001
    np.testing.assert_allclose(found.scores, in_memory.scores, atol=1e-5, rtol=1e-5)
