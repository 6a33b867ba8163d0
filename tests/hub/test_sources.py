"""Sources of weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmzoo import errors
from mmzoo.hub.sources import (
    Source,
    fetch,
    is_source,
    parse_source,
    verify_sha256,
    with_revision,
)
from mmzoo.model_folder import ModelFolder, is_pickle
from mmzoo.system import sha256_of


def test_parsing() -> None:
    assert parse_source("bundled") == Source("bundled")
    assert parse_source("local-dir:a/b@c:d") == Source("local-dir", "a/b@c:d")
    assert parse_source("hf-hub:org/name") == Source("hf-hub", "org/name")
    assert (
        parse_source("hf-hub:org/name@v1")
        == parse_source("hf-hub:org/name", "v1")
        == Source("hf-hub", "org/name", "v1")
    )
    assert parse_source("hf-hub:org/name@refs/pr/1").revision == "refs/pr/1"
    assert with_revision(parse_source("hf-hub:o/n@v1"), "v2") == parse_source("hf-hub:o/n@v2")
    assert str(parse_source("hf-hub:o/n@v2")) == "hf-hub:o/n@v2" and str(Source("bundled")) == "bundled"
    assert is_source("hf-hub:x") and is_source("local-dir:") and not is_source("acme:tok") and not is_source("bundled")


@pytest.mark.parametrize(
    "text",
    [
        *("", "s3:x", "local-dir:", "bundled:x", "hf-hub:", "hf-hub:x", "hf-hub:a/b/c", "hf-hub:../b", "hf-hub:a/.."),
        *("hf-hub:a/b@", "hf-hub:a/b@../x", "hf-hub:a/b c", "hf-hub:a/b@x y", "hf-hub:a--b/c"),
    ],
)
def test_nonsense(text: str) -> None:
    with pytest.raises(errors.UsageError) as caught:
        parse_source(text)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_fetching_a_folder(tmp_path: Path) -> None:
    source = Source("local-dir", str(tmp_path))
    assert fetch(source, "m", what="texts") == tmp_path
    with pytest.raises(errors.WeightsError, match=r"model\.safetensors"):
        fetch(source, "m")
    (tmp_path / "model.ckpt").touch()
    with pytest.raises(errors.WeightsError, match=r"model\.ckpt.*model\.safetensors.*pickle"):
        fetch(source, "m")
    (tmp_path / "model.safetensors").touch()
    assert fetch(source, "m") == tmp_path
    assert [name for name in ("a.bin", "a.PT", "a.pth", "a.json", "a.safetensors") if is_pickle(name)] == [
        "a.bin", "a.PT", "a.pth",
    ]  # fmt: skip


def test_a_home_folder_of_nobody() -> None:
    with pytest.raises(errors.UsageError, match="'~nobody-of-this-name/x'"):
        fetch(Source("local-dir", "~nobody-of-this-name/x"), "m")


def test_checksums(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "f") == digest
    verify_sha256(tmp_path / "f", digest.upper())
    with pytest.raises(errors.ChecksumError, match=r"ba7816bf8f01cfea.*0000"):
        verify_sha256(tmp_path / "f", "0" * 64)


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("---\nlicense: mit\n---\n# X", "mit"),
        ("---\r\nlicense: mit\r\n---\r\n", "mit"),
        ("---\nlicense: [a]\n---\n", None),
        ("---\n- a\n---\n", None),
        ("---\n: : {\n---\n", None),
        ("# no front matter\nlicense: mit\n", None),
        ("---\nlicense: mit\n", None),
    ],
)
def test_licence_of_a_card(tmp_path: Path, card: str, expected: str | None) -> None:
    assert ModelFolder(tmp_path).license is None
    (tmp_path / "README.md").write_bytes(card.encode())
    assert ModelFolder(tmp_path).license == expected
