"""The whole plugin interface: one hook, and the object with which it registers names.

A plugin is an installed package with an entry point of the group `mmzoo` that names a module like this one:

    from mmzoo.hookspecs import Register, hookimpl

    @hookimpl
    def mmzoo_register(register: Register) -> None:
        register.quantizer("sign", "acme_sign.sign:Sign", summary="One bit a channel: its sign")

Targets are written `package.module:Name` and imported when they are first used, so the module itself imports nothing
heavy. `docs/architecture.md` explains the kinds; `mmzoo.interfaces` has their base classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

import pluggy

from mmzoo.registry.register import Registrations
from mmzoo.registry.specs import CardText, ModelSpec, TaskSpec, Weights

if TYPE_CHECKING:
    from typing import Unpack

__all__ = ["PLUGIN_API_VERSION", "PROJECT", "CardText", "Register", "Weights", "hookimpl", "hookspec"]

PROJECT = "mmzoo"
PLUGIN_API_VERSION = 1
"""A plugin module may set `mmzoo_api_version`; a newer one than this is refused with a sentence."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mmzoo_register(register: Register) -> None:
    """Register components, models and tasks by calling methods of `register`; import nothing heavy."""


class Options(TypedDict, total=False):
    """What every component may say of itself."""

    modalities: Iterable[str]
    """What it takes or gives: speech, image or text."""
    requires: Iterable[str]
    """Distributions it needs beyond its plugin's own dependencies."""
    aliases: Iterable[str]
    """Other names under which it is found."""
    deprecated: str
    """Why it should no longer be used, and what to use instead; shown as a warning, once."""


class Tried(Options, total=False):
    """What a component that the conformance kit builds may say in addition."""

    trials: Iterable[Mapping[str, Any]]
    """Small configs under which `pytest --mmzoo` tries it. Of a head, `slots` in one is the rest of a recipe, and
    `rows` what it is trained on: true (the default) for made-up rows with every column, a mapping from some columns to
    the values they have instead (repeated as needed), false for nothing, or a list of rows."""
    exempt: Mapping[str, str]
    """Checks it cannot pass, of export, compile, inductor, bf16 and float16, each with the reason."""


class Register(Registrations):
    """What a plugin registers, one method for each kind.

    name: lower-case letters, digits and dashes. target: `package.module:Name`. summary: one line for listings. Every
    method raises PluginError for what cannot be registered: a name twice, a malformed name or target.
    """

    def encoder(self, name: str, target: str, *, summary: str, **options: Unpack[Tried]) -> None:
        """Register a ModalityEncoder."""
        self._component("encoder", name, target, summary=summary, **options)

    def quantizer(self, name: str, target: str, *, summary: str, **options: Unpack[Tried]) -> None:
        """Register a Quantizer."""
        self._component("quantizer", name, target, summary=summary, **options)

    def fusion(self, name: str, target: str, *, summary: str, **options: Unpack[Tried]) -> None:
        """Register a Fusion."""
        self._component("fusion", name, target, summary=summary, **options)

    def backbone(self, name: str, target: str, *, summary: str, **options: Unpack[Tried]) -> None:
        """Register a DiffusionBackbone."""
        self._component("backbone", name, target, summary=summary, **options)

    def sampler(self, name: str, target: str, *, summary: str, **options: Unpack[Tried]) -> None:
        """Register a Sampler."""
        self._component("sampler", name, target, summary=summary, **options)

    def head(self, name: str, target: str, *, summary: str, **options: Unpack[Tried]) -> None:
        """Register a TaskHead."""
        self._component("head", name, target, summary=summary, **options)

    def format(
        self,
        name: str,
        target: str,
        *,
        summary: str,
        detect: Mapping[str, Any],
        repos: Mapping[str, str | None] | None = None,
        **options: Unpack[Tried],
    ) -> None:
        """Register a ForeignFormat: model folders of another library.

        Args:
            detect: Entries of a config.json by which the format is recognized.
            repos: Models on the Hub in this format, each with the license stated for it, or None.
        """
        self._format(name, target, summary=summary, detect=detect, repos=repos, **options)

    def dataset(self, name: str, target: str, *, summary: str, **options: Unpack[Tried]) -> None:
        """Register a dataset builder: a callable of keyword-only JSON arguments that gives a `datasets.DatasetDict`."""
        self._component("dataset", name, target, summary=summary, **options)

    def command(self, name: str, target: str, *, summary: str, **options: Unpack[Options]) -> None:
        """Register a command-line verb: a typer-style function, imported when it is first run."""
        self._component("command", name, target, summary=summary, **options)

    def task(
        self,
        name: str,
        *,
        summary: str,
        use: str = "",
        pipeline: str | None = None,
        headlines: Mapping[str, str] | None = None,
        sections: Mapping[str, str] | None = None,
        tables: str | None = None,
        numbers: str | None = None,
        aliases: Iterable[str] = (),
    ) -> None:
        """Register what is said and shown of the models of a task; all but the summary may be left out.

        Args:
            use: Lines of Python for the card, after `import mmzoo`; `{name}` stands for what `create` is given.
            pipeline: The Hub's pipeline tag.
            headlines: The figures that matter most, as dotted paths into evaluation.json, each with the Hub's type of
                metric. By default the first figures there are.
            sections: The keys of evaluation.json whose figures a card lists, in order, each with its title. By default
                all of them.
            tables: Target of a function from an evaluation to Markdown that a card shows above these figures.
            numbers: Target of a function from an evaluation to the list of Markdown blocks that a README shows. By
                default the tables, and one line for each section.
            aliases: Other names under which the task is found.
        """
        names = self._strings("task", name, "aliases", aliases)
        shown = (headlines or {}, sections or {}, tables, numbers)
        self._task(TaskSpec(name, summary, self.plugin, self.version, use, pipeline, *shown, names))

    def metric(self, name: str, target: str, *, summary: str, **options: Unpack[Options]) -> None:
        """Register an evaluation: a callable `(model, *, limit, samples) -> dict` named after the task it measures.

        A keyword `judge`, whose default is the name of a registered judge, lets `mmzoo evaluate --judge` choose
        another; a keyword `tables` lets `--tables` fill the task's tables.
        """
        self._component("metric", name, target, summary=summary, **options)

    def judge(
        self,
        name: str,
        target: str,
        *,
        summary: str,
        license: str,
        source: str,
        independence: str,
        tasks: Iterable[str],
        **options: Unpack[Options],
    ) -> None:
        """Register a judge: a class without arguments that reads or hears what models make; metrics ask for it by name.

        Args:
            license: Of the judge itself.
            source: Where it comes from: a package, an address, or the plugin's own code.
            independence: What it had no part in training of, to follow "had": "no part in training any model".
            tasks: The tasks whose models it can judge.
        """
        details = {"license": license, "source": source, "independence": independence}
        self._judge(name, target, summary=summary, tasks=tasks, **details, **options)

    def model(
        self,
        name: str,
        *,
        task: str,
        recipe: Mapping[str, Any],
        summary: str,
        modalities: Iterable[str] = (),
        weights: Iterable[Weights] = (),
        aliases: Iterable[str] = (),
        deprecated: str | None = None,
        card: CardText | None = None,
    ) -> None:
        """Register a model.

        Args:
            task: Name of its task, registered or not.
            recipe: JSON data: the head, and slot name to component name or mapping; see docs/architecture.md.
            weights: Where published weights are; those on the Hub are pinned.
            card: What its card says beside what its files hold.
        """
        of, names = (self._strings("model", name, *of) for of in (("modalities", modalities), ("aliases", aliases)))
        spec = ModelSpec(
            name, task, recipe, summary, self.plugin, self.version, of, tuple(weights), names, deprecated, card
        )
        self._model(spec)
