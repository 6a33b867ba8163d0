"""The progress line of a training on a terminal."""

from __future__ import annotations

import pytest

from mmzoo.training.bar import ProgressLine


def test_the_line_shows_steps_and_losses_on_stderr_and_keeps_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    line = ProgressLine(10)
    line.update(3, "loss 1.25")
    line.update(4, None)
    line.print("saved [bold]checkpoint[/bold] 4")
    line.close()
    out, err = capsys.readouterr()
    assert not out
    assert "4/10" in err
    assert "loss 1.25" in err
    assert "saved [bold]checkpoint[/bold] 4" in err
