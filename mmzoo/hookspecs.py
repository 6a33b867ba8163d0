"""The complete plugin interface: one hook, and the `Register` object that it receives.

A plugin is an installed package with an entry point in the group `mmzoo` that names a module like this one:

    from mmzoo.hookspecs import Register, hookimpl

    @hookimpl
    def mmzoo_register(register: Register) -> None:
        register.quantizer("sign", "acme_sign.sign:Sign", summary="One bit a channel: its sign")

Targets are written `package.module:Name` and imported on first use, so the plugin module itself imports nothing heavy.
`docs/architecture.md` explains the kinds; their base classes are in `mmzoo.interfaces`.
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
"""The newest `mmzoo_api_version` that a plugin module may set."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mmzoo_register(register: Register) -> None:
    """Register components, models and tasks by calling the methods of `register`."""


class Options(TypedDict, total=False):
    """Options of every component."""

    modalities: Iterable[str]
    """Its input or output: speech, image or text."""
    requires: Iterable[str]
    """Distributions it needs beyond the plugin's own dependencies."""
    aliases: Iterable[str]
    """Other names for it."""
    deprecated: str
    """Why it is deprecated and what to use instead; shown once as a warning."""


class Tried(Options, total=False):
    """Further options of components that the conformance kit builds."""

    trials: Iterable[Mapping[str, Any]]
    """Small configs with which `pytest --mmzoo` tests it. For a head, the key `slots` holds the rest of the recipe and
    `rows` the training data: true (the default) for synthetic rows with every column, a mapping that replaces some
    columns of these (values are repeated as needed), a list of rows, or false for no training."""
    exempt: Mapping[str, str]
    """Checks it cannot pass, out of export, compile, inductor, bf16 and float16, each with the reason."""


class Register(Registrations):
    """Registers what a plugin supplies, with one method per kind.

    Args common to the methods:
        name: Letters, digits, `-` and `_`, starting with a letter or digit.
        target: `package.module:Name`.
        summary: One line for listings.

    Raises:
        PluginError: A name is registered twice, or an argument is malformed.
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

    def critic(self, name: str, target: str, *, summary: str, **options: Unpack[Tried]) -> None:
        """Register a Critic."""
        self._component("critic", name, target, summary=summary, **options)

    def head(
        self, name: str, target: str, *, summary: str, runner: str | None = None, **options: Unpack[Tried]
    ) -> None:
        """Register a TaskHead.

        Args:
            runner: Target of the `mmzoo.interfaces.Runner` that runs its models once they are exported; its module must
                not import torch.
        """
        self._head(name, target, runner=runner, summary=summary, **options)

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
        """Register a ForeignFormat: how another library lays out its model folders.

        Args:
            detect: Entries of config.json that identify the format.
            repos: Models on the Hub in this format, each with its stated license or None.
        """
        self._format(name, target, summary=summary, detect=detect, repos=dict(repos or {}), **options)

    def dataset(
        self, name: str, target: str, *, summary: str, recognizes: str | None = None, **options: Unpack[Tried]
    ) -> None:
        """Register a function from keyword-only JSON arguments to a `datasets.DatasetDict`.

        Args:
            recognizes: Target of a function from a `Path` (an existing file or folder) to the arguments with which this
                dataset reads it, or None if it is something else; `mmzoo.data.guess` asks it.
        """
        self._dataset(name, target, recognizes=recognizes, summary=summary, **options)

    def command(self, name: str, target: str, *, summary: str, **options: Unpack[Options]) -> None:
        """Register a command `mmzoo <name>`: a function with typer annotations, imported when it runs."""
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
        """Register how cards and listings present the models of a task.

        Args:
            use: Python lines for the card, after `import mmzoo`; `{name}` becomes the argument of `create`.
            pipeline: The Hub's pipeline tag.
            headlines: The most important figures, as dotted paths into evaluation.json, each with the Hub's metric
                type. By default the first ones in the file.
            sections: Keys of evaluation.json whose figures a card lists, in order, each with its title. By default all.
            tables: Target of a function from an evaluation to Markdown that a card shows above the figures.
            numbers: Target of a function from an evaluation to a list of Markdown blocks for a README. By default the
                tables and one line per section.
            aliases: Other names for the task.
        """
        names = self._strings("task", name, "aliases", aliases)
        shown = (headlines or {}, sections or {}, tables, numbers)
        self._task(TaskSpec(name, summary, self.plugin, self.version, use, pipeline, *shown, names))

    def metric(self, name: str, target: str, *, summary: str, **options: Unpack[Options]) -> None:
        """Register an evaluation: a function `(model, *, limit, samples) -> dict` named after the task it measures.

        It may take a keyword `judge`, whose default names a registered judge, or `judges`, whose default is a tuple of
        names, of which it gets those that can be used; `mmzoo evaluate --judge` overrides them. With a keyword `data`
        it takes what `--data` names; `mmzoo.evaluation.heldout` reads it.
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
        """Register a judge: a class that transcribes, classifies or rates what models generate.

        It is made without arguments. One optional string is what stands behind the name in `NAME:ARGUMENT`, such as a
        folder of weights. A method `fetch` downloads what is not here, or raises an error that says how to get it.

        Args:
            license: License of the judge itself.
            source: Where it comes from: a package, a URL, or the plugin's own code.
            independence: Which training it took no part in, phrased to follow "had": "no part in training any model".
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
            recipe: JSON data: the head, and a component name or mapping for each slot; see docs/architecture.md.
            weights: Locations of published weights; those on the Hub must be pinned.
            card: Text for its card that its files do not contain.
        """
        of = self._strings("model", name, "modalities", modalities)
        names = self._strings("model", name, "aliases", aliases)
        spec = (name, task, recipe, summary, self.plugin, self.version, of, tuple(weights), names, deprecated, card)
        self._model(ModelSpec(*spec))
