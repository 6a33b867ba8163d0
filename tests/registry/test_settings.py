"""What is kept between runs, where it cannot be kept, and what of it cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmzoo.cli.main import main
from mmzoo.errors import UsageError
from mmzoo.registry import settings


@pytest.fixture(params=["nobody has a home", "the user is unknown"])
def homeless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose account has no home folder, or whose MMZOO_HOME is that of an account which is not there."""
    if request.param == "the user is unknown":
        monkeypatch.setenv(settings.HOME, "~nobody-of-this-name/mmzoo")
        return
    monkeypatch.delenv(settings.HOME)
    monkeypatch.setattr(Path, "home", classmethod(_no_home))


def _no_home(cls: type[Path]) -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.usefixtures("homeless")
def test_without_a_home_every_command_works_and_nothing_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["list"], ["plugins"], ["show", "vqvae-speech"], ["doctor"]):
        assert main(command) == 0, capsys.readouterr().err
    assert settings.switched_off() == frozenset() and settings.unreadable() == []
    with pytest.raises(UsageError, match="MMZOO_HOME"):
        settings.switch_off(["acme"])
    assert main(["plugins", "disable", "mmzoo-tts"]) == 2


def test_a_file_that_holds_no_object_is_told_and_an_empty_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(settings.HOME, str(tmp_path))
    path = tmp_path / settings.SWITCHED_OFF
    for content, told in (("{}", []), ("[]", [path]), ("", [path]), ("[" * 100_000, [path])):
        path.write_text(content)
        assert settings.unreadable() == told and settings.switched_off() == frozenset()
    assert main(["doctor"]) == 0 and f"{path} cannot be read as JSON" in capsys.readouterr().out
