"""Listing is light: no torch, no pydantic, and rich only to draw a table."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "pydantic", "numpy", "datasets", "accelerate", "huggingface_hub")


def modules_after(code):
    program = f"import sys\n{code}\nprint('\\n' + ' '.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stderr.rpartition("\n\n")[2].split()) | set(done.stderr.split()), done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import mmzoo",
        "import mmzoo; mmzoo.list_models()",
        "import mmzoo; mmzoo.list_components()",
        "import mmzoo; mmzoo.describe('vqvae-dit-tts')",
        "from mmzoo.cli.main import main; main(['list'])",
        "from mmzoo.cli.main import main; main(['list', '--json'])",
        "from mmzoo.cli.main import main; main(['show', 'vqvae-dit-tts'])",
        "from mmzoo.cli.main import main; main(['plugins'])",
        "from mmzoo.cli.main import main; main(['doctor'])",
        "from mmzoo.cli.main import main; main(['--help'])",
    ],
)
def test_listing_imports_nothing_heavy(code):
    loaded, _ = modules_after(code)
    assert not loaded.intersection(HEAVY)
    assert "rich" not in loaded  # a pipe gets lines, not a table
    if "main" not in code:
        assert "typer" not in loaded


def run(*arguments):
    command = [sys.executable, "-m", "mmzoo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments", [["list"], ["list", "--components"], ["show", "vqvae-speech"], ["plugins"], ["doctor"]]
)
def test_listing_commands_speak_json(arguments):
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


def test_names_wildcards_tags_and_filters():
    import mmzoo

    assert {"vqvae-speech", "vqvae-dit-tts"} <= set(mmzoo.list_models())
    assert set(mmzoo.list_models("vqvae-*")) == {m for m in mmzoo.list_models() if m.startswith("vqvae-")}
    assert mmzoo.list_models(task="text-to-speech") == ["vqvae-dit-tts"]
    assert "vqvae-dit-tts" in mmzoo.list_models(modality="text") and "vqvae-speech" not in mmzoo.list_models(
        modality="text"
    )
    assert "phonemizer-ru" not in mmzoo.list_models(pretrained=True)
    assert {"phonemizer-en", "vqvae-dit-tts"} <= set(mmzoo.list_models(plugin="mmzoo-tts"))
    assert "vqvae-speech" not in mmzoo.list_models(plugin="mmzoo-tts")
    assert mmzoo.list_models("no-such-*") == []
    assert any("fsq" in name for name in mmzoo.list_components("quantizer"))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["lsit"], 2, "list"),
        (["show", "vqvae-speach"], 2, "vqvae-speech"),
        (["list", "--tsak", "x"], 2, "--help"),
    ],
)
def test_wrong_usage_is_one_sentence_with_a_suggestion(arguments, code, says):
    done = run(*arguments)
    assert done.returncode == code and done.stdout == "" and says in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_no_arguments_is_help():
    done = run()
    assert done.returncode == 0 and "Usage" in done.stdout and "evaluate" in done.stdout and "say" in done.stdout
