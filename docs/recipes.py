"""Writes docs/recipes.md, the reference of training recipes, from the recipe's own schema.

python docs/recipes.py            writes the page
python docs/recipes.py --check    exit code 1 if the page is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).with_name("recipes.md")
INTRODUCTION = """# Training recipes

Written by `python docs/recipes.py` from the schema in `mmzoo/training/recipe.py`; `mmzoo train --help-recipe` prints
the same list.

A recipe is one YAML file. `mmzoo train RECIPE.yaml key.subkey=value` changes keys, and `--print-config` prints the
result with every default filled in. The plugins' recipes are in `plugins/*/mmzoo_*/recipes/`.

| key | type | default | meaning |
|---|---|---|---|
"""


def page() -> str:
    """The complete page."""
    from mmzoo.training.recipe import recipe_keys

    return INTRODUCTION + "".join(
        f"| `{key}` | {kind} | {default.removeprefix('default ')} | {meaning} |\n"
        for key, kind, default, meaning in recipe_keys()
    )


def main() -> int:
    """Write or check the page."""
    text = page()
    if sys.argv[1:] == ["--check"]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            print(f"{PAGE.name} is out of date; run: python docs/{Path(__file__).name}", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
