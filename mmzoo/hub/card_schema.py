"""Checks of a card's front matter before it is sent to the Hub.

The Hub checks `license` and `model-index` when a card arrives, and rejects the entire commit. The rules are those of
https://github.com/huggingface/hub-docs, `modelcard.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmzoo.errors import UsageError
from mmzoo.registry.names import did_you_mean, suggestions

LICENSES = frozenset(
    """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
    afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0
    lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 odc-by odbl openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense
    zlib pddl lgpl-lr deepfloyd-if-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 gemma unknown other
    """.split()
)
"""From hub-docs, `docs/hub/repositories-licenses.md`, copied on 2026-11-25. Use `other` for a license added since."""
PERMISSIVE = frozenset(
    """
    apache-2.0 mit bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear isc unlicense cc0-1.0 pddl wtfpl zlib ncsa bsl-1.0
    cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cdla-permissive-1.0 cdla-permissive-2.0
    """.split()
)
"""Those of them under which a changed work may be published under another license."""
TEXTS = ("library_name", "pipeline_tag", "license", "license_name", "license_link", "model_name")
LISTS = ("language", "tags", "datasets", "metrics", "base_model")
"""Keys whose value is a string or a list of strings."""
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*|multilingual|code")
RESULT = {"task": ("type",), "dataset": ("type", "name")}


def check_front_matter(front: Mapping[str, Any], where: str) -> None:
    """Raise UsageError with the first problem that the Hub would reject. where: The card's name in the message."""
    for problem in _problems(front):
        raise UsageError(f"The front matter of {where} {problem}.")


def _problems(front: Mapping[str, Any]) -> Iterator[str]:
    for key in TEXTS:
        if not isinstance(front.get(key, ""), str):
            yield f"has {key}: {front[key]!r}, which must be a string"
    for key in LISTS:
        value = front.get(key, [])
        if not isinstance(value, str) and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            yield f"has {key}: {value!r}, which must be a string or a list of strings"
    license = front.get("license")
    if license is not None and license not in LICENSES:
        hint = did_you_mean(suggestions(str(license), sorted(LICENSES))).rstrip("?.")
        yield (
            f"names the license {license!r}, which is not in mmzoo's list of licenses that the Hub accepts;"
            f" {f'{hint}, or ' if hint else ''}write `license: other` with license_name and license_link"
        )
    if license == "other" and not (front.get("license_name") and front.get("license_link")):
        yield "says `license: other`, which needs license_name and license_link"
    language = front.get("language", [])
    for code in [language] if isinstance(language, str) else language:
        if not LANGUAGE.fullmatch(code):
            yield f"names the language {code!r}, which must be a code such as en"
    if "model-index" in front:
        yield from _index_problems(front["model-index"])


def _index_problems(index: Any) -> Iterator[str]:
    models = index if isinstance(index, list) else [index]
    for model in models:
        if not isinstance(model, Mapping) or not isinstance(model.get("name"), str):
            yield "has a model-index without the name of a model"
            return
        results = model.get("results")
        if not isinstance(results, list):
            yield "has a model-index without a list of results"
            return
        for result in results:
            for part, keys in RESULT.items():
                facts = result.get(part) if isinstance(result, Mapping) else None
                if not isinstance(facts, Mapping) or not all(isinstance(facts.get(key), str) for key in keys):
                    yield f"has a result whose {part} lacks {' and '.join(keys)}"
                    return
            metrics = result.get("metrics")
            if not isinstance(metrics, list) or not metrics:
                yield "has a result without metrics"
                return
            for metric in metrics:
                if not isinstance(metric, Mapping) or not isinstance(metric.get("type"), str) or "value" not in metric:
                    yield "has a metric without type and value"
                    return
