"""The best known chain of commands for a dataset: its members, and the ensemble that validation weighs.

What is chosen for which kind of data is what docs/results.md and the pages below it measured:

- recommendation: an embedding learned beside the weights of the graph filter ahead of each of the two, of AWE and of
  EASE (results.md); AWE with EASE, and with iALS, ahead of each alone; SVD level with the best sum on small sets
  (results/recommendation.md); for few people the linear sigmoid, which starts from WSABIE (results/affinities.md)
- annotation: AWE with both k-NN and WSABIE at least level with AWE alone, kernel ridge regression beside them ahead on
  two of three sets (results.md); on sparse features and text one-vs-rest besides, and the linear sigmoid
- retrieval: overlap and WSABIE with one matrix for both sides, BM25 with and without feedback, LSI of the documents,
  and similar queries (results.md)
- given an hour, an embedding of another size for all of them (results/wsabie-table-7.md), among many items with a wider
  margin (results.md, Gowalla)
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from awe_cli.baselines.registry import BASELINES
from awe_cli.config.baselines import SETTINGS
from awe_cli.config.recipe import RecipeSettings
from awe_cli.dataset.dataset import RECOMMENDATION, RETRIEVAL, Dataset
from awe_cli.errors import MissingInputError, SettingsError, UsageError
from awe_cli.models.pair_weights import GRAPH, check_counted
from awe_cli.models.store import open_dataset
from awe_cli.training.config import TrainConfig, linear_plans
from awe_cli.workspace import KINDS, Workspace

BEST = "best"  # the name of the model that every recipe ends in

_HOUR = 3600.0
_MANY_LABELS = 10_000
_FEW_PEOPLE = 5000
_SHARE = 0.5  # of the budget, for the training of the first model
# Positives a second that `awe train` learns from with d = 128, both fits and validation included, by the measured
# minutes of docs/results: Delicious with 983 labels, Gowalla with 40,981.
_FASTEST, _LABELS_A_SECOND = 6e5, 2e9
_FEWEST_EPOCHS = 3
# The greatest sizes for which a member is worth its time: in 10 minutes, and in an hour.
_ITEMS_OF_EASE = (12_000, 40_000)
_EXAMPLES_OF_INPUT_KNN = (50_000, 300_000)
_EXAMPLES_OF_KERNEL_RIDGE = (30_000, 300_000)
_LABELS_OF_KERNEL_RIDGE = (5000, 50_000)
_PAIRS_OF_GRAPH_FILTER = (5_000_000, 50_000_000)
_PAIRS_OF_IALS = (1_000_000, 20_000_000)
_PAIRS_OF_SVD = (20_000_000, 200_000_000)
_METRIC_OF_RETRIEVAL = "ndcg@10"  # weights by ndcg@5 of few queries are worse on others (results.md)


@dataclass(frozen=True)
class Step:
    """One command of a chain.

    arguments  after `awe`
    why        what it is for, in a few words
    kind, name  of what it makes
    needs      kind and name of what it is made from, beside the dataset
    """

    arguments: tuple[str, ...]
    why: str
    kind: str
    name: str
    needs: tuple[tuple[str, str], ...] = ()

    @property
    def command(self) -> str:
        """The command as it is typed, without the workspace."""
        return shlex.join(["awe", *self.arguments])

    @property
    def target(self) -> str:
        """The file of a workspace that changes when this step makes something new."""
        return f"{KINDS[self.kind].folder}/{self.name}.json"

    def targets(self) -> list[str]:
        """The files that this step depends on, the dataset among them."""
        return ["dataset.json", *(f"{KINDS[kind].folder}/{name}.json" for kind, name in self.needs)]


@dataclass(frozen=True)
class Chain:
    """A chain that ends in the model `best`.

    steps  in an order in which they can be run
    notes  what was left out and why, and what to know of the result
    """

    task: str
    budget: str
    steps: list[Step]
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As --json prints it."""
        return {
            "task": self.task,
            "budget": self.budget,
            "model": BEST,
            "steps": [
                {
                    "command": ["awe", *step.arguments],
                    "why": step.why,
                    "makes": step.target,
                    "needs": step.targets(),
                }
                for step in self.steps
            ],
            "notes": self.notes,
        }


def recipe(ws: Workspace, settings: RecipeSettings | None = None) -> Chain:
    """The best known chain for the dataset of a workspace, within a budget of time that is estimated from its size.

    Raises MissingInputError where nothing is prepared, SettingsError for a budget that is no time.
    """
    settings = settings or RecipeSettings()
    work = _Work(open_dataset(ws.find("dataset")), settings.seconds)
    work.embedding()
    if work.dataset.splits.get("valid"):
        work.members()
        work.combine()
    else:
        work.notes.append(
            "there is no validation split to weigh an ensemble by: the chain ends in the product of neighbours and "
            "embedding (prepare without --valid-fraction 0 for more)"
        )
        work.rename_last()
    return Chain(work.dataset.summary["task"], settings.budget, work.steps, work.notes)


class _Work:
    """A chain in the making."""

    def __init__(self, dataset: Dataset, seconds: float) -> None:
        self.dataset, self.seconds = dataset, seconds
        self.long = seconds >= _HOUR
        self.steps: list[Step] = []
        self.notes: list[str] = []
        self.together: list[str] = []  # the models to combine
        counts = dataset.label_counts(("train",))
        self.pairs, self.examples = int(counts.sum()), int(dataset.splits.get("train", 0))
        self.shared = dataset.shares_features
        self.retrieval = dataset.summary["task"] == RETRIEVAL

    def add(self, arguments: str, why: str, kind: str, name: str, *needs: tuple[str, str]) -> None:
        """Add a command; a model is one of those that are combined in the end."""
        self.steps.append(Step(tuple(arguments.split()), why, kind, name, needs))
        if kind == "model":
            self.together.append(name)

    def embedding(self) -> None:
        """WSABIE, its neighbours, and their product."""
        tied = " --tie" if self.shared else ""
        plans = linear_plans(self.dataset, {})
        shorter = self._fewer_epochs(plans)
        self.add(
            f"train --affinity constant{tied}{shorter} --name wsabie", "the embedding", "model", "wsabie"
        )
        self.product("wsabie", "awe")

    def product(self, base: str, name: str, more: str = "") -> None:
        """The neighbours of a model, and the model multiplied with them."""
        table, model = ("neighbors", base), ("model", base)
        self.add(f"build-knn --model {base}", "who is near in it", *table, model)
        self.add(
            f"retrain --model {base} --affinity knn{more} --name {name}",
            "neighbours times embedding, learned again where validation gains",
            "model", name, model, table,
        )  # fmt: skip

    def beside_graph(self, base: str, name: str, more: str = "") -> None:
        """The embedding of a model, learned on beside the weights of the graph filter; or a note of why not."""
        try:
            check_counted(self.dataset, GRAPH)
        except SettingsError as error:
            self.notes.append(f"{name} is left out: {error.message}")
            return
        self.add(
            "train --affinity pair-weights --pairs graph --pair-form add --pairs-per-feature 400 "
            f"--start {base}{more} --name {name}",
            "weights of items in common, and an embedding of the rest, learned together",
            "model", name, ("model", base),
        )  # fmt: skip

    def _fewer_epochs(self, plans: list[TrainConfig]) -> str:
        """The option of fewer epochs than usual, where all would take more than their share of the budget."""
        plan = plans[0]
        rate = min(_FASTEST, _LABELS_A_SECOND / max(1, self.dataset.n_labels)) * 128 / plan.dim
        affordable = int(_SHARE * self.seconds * rate / max(1, self.pairs) / max(1, len(plans) / 2))
        if affordable >= plan.epochs:
            return ""
        epochs = max(_FEWEST_EPOCHS, affordable)
        self.notes.append(
            f"{epochs} epochs in place of {plan.epochs}, to end within the budget: more time ranks better"
        )
        return f" --epochs {epochs}"

    def members(self) -> None:
        """The models to combine with the product, by the kind of the data."""
        if self.retrieval:
            self._of_retrieval()
        elif self.dataset.task == RECOMMENDATION:
            self._of_recommendation()
        else:
            self._of_annotation()
        if self.long:
            self._wide()

    def _wide(self) -> None:
        """A second embedding with more dimensions, and its product."""
        many = self.dataset.task == RECOMMENDATION and self.dataset.n_labels >= _MANY_LABELS
        more = " --margin 0.5 --epochs 24 --patience 0" if many else ""
        tied = " --tie" if self.shared else ""
        self.add(
            f"train --affinity constant{tied} --dim 256{more} --name wide", "more dimensions", "model", "wide"
        )
        self.product("wide", "wide-awe", " --epochs 0" if many else "")
        if self.dataset.task == RECOMMENDATION and self.pairs <= _PAIRS_OF_GRAPH_FILTER[self.long]:
            self.beside_graph(
                "wide", "wide-graph", " --dim 256" + (" --margin 0.5 --epochs 3 --patience 0" if many else "")
            )

    def _of_recommendation(self) -> None:
        items = self.dataset.n_labels
        if items <= _ITEMS_OF_EASE[self.long]:
            self.baseline("ease", "least squares on all items at once")
        else:
            self.notes.append(
                f"ease is left out: {items:,} items take it longer than the budget, or more memory"
            )
        if self.pairs <= _PAIRS_OF_GRAPH_FILTER[self.long]:
            self.baseline("graph-filter", "items that people have in common, for any number of items")
            self.beside_graph("wsabie", "graph")
        if self.pairs <= _PAIRS_OF_SVD[self.long]:
            self.baseline("svd", "a factorization, good where people are few")
        if self.pairs <= _PAIRS_OF_IALS[self.long]:
            self.baseline("ials", "a factorization that trusts what is there more than what is not")
        if self.long and self.examples < _FEW_PEOPLE:
            self._linear_sigmoid()

    def _of_annotation(self) -> None:
        self.add(
            "train-baseline knn --neighbors wsabie --name embedding-knn", "the neighbours alone",
            "model", "embedding-knn", ("neighbors", "wsabie"),
        )  # fmt: skip
        if self.examples <= _EXAMPLES_OF_INPUT_KNN[self.long]:
            self.baseline("input-knn", "neighbours by the input itself")
        few_examples = self.examples <= _EXAMPLES_OF_KERNEL_RIDGE[self.long]
        if few_examples and self.dataset.n_labels <= _LABELS_OF_KERNEL_RIDGE[self.long]:
            self.baseline("kernel-ridge", "least squares on the similarity to each example")
            self.baseline(
                "kernel-ridge", "the same in the embedding", " --model wsabie", "embedding-kernel",
                (("model", "wsabie"),),
            )  # fmt: skip
        if not self.dataset.dense:
            self.baseline("one-vs-rest", "a classifier for each label")
            if self.long:
                self._linear_sigmoid()

    def _of_retrieval(self) -> None:
        if self.shared:
            self.add(
                "train --affinity overlap --tie --name overlap",
                "words in common, and learned ones",
                "model",
                "overlap",
            )
            self.baseline("bm25", "words in common")
            self.baseline("bm25", "and words of the best documents", " --feedback 5", "feedback")
            self.baseline("lsi", "words that occur in the same documents")
        if self.examples <= _EXAMPLES_OF_INPUT_KNN[self.long]:
            self.baseline("input-knn", "the documents of similar queries")
        text = self.dataset.settings["text"]
        if self.shared and text is not None and "stem" not in text:
            self.notes.append(
                "words count as they are written: where people write in sentences, prepare --stem english (or another "
                "language) takes the forms of a word for one"
            )
        self.notes.append(
            "what counts neighbours ranks only documents that were prepared: for new ones (awe predict --documents) "
            f"take {'lsi' if self.shared else 'wsabie'}"
        )

    def _linear_sigmoid(self) -> None:
        self.add(
            "train --affinity linear-sigmoid --start wsabie --name sigmoid", "features that do not fit count less",
            "model", "sigmoid", ("model", "wsabie"),
        )  # fmt: skip

    def baseline(
        self, method: str, why: str, more: str = "", name: str = "", needs: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Add a baseline with options, called as its method unless named; or a note of why it cannot be fitted here."""
        told = asdict(SETTINGS[method]())
        try:
            BASELINES[method].check(told, self.dataset)
        except (SettingsError, MissingInputError) as error:
            self.notes.append(
                f"{method} is left out: {error.message}" + (f" ({error.hint})" if error.hint else "")
            )
            return
        named = f" --name {name}" if name else ""
        self.add(f"train-baseline {method}{more}{named}", why, "model", name or method, *needs)

    def combine(self) -> None:
        """The ensemble of all, with weights that validation chooses: 0 for what does not help."""
        metric = f" --metric {_METRIC_OF_RETRIEVAL}" if self.retrieval else ""
        self.add(
            f"ensemble --model {','.join(self.together)}{metric} --name {BEST}",
            "all of them, as validation weighs them", "model", BEST, *(("model", name) for name in self.together),
        )  # fmt: skip

    def rename_last(self) -> None:
        """Let the last model be `best`."""
        last = self.steps.pop()
        arguments = last.arguments[: last.arguments.index("--name")]
        self.steps.append(Step((*arguments, "--name", BEST), last.why, last.kind, BEST, last.needs))


def as_script(made: Chain, prefix: str) -> Iterable[str]:
    """The lines of a script for sh; `prefix` is what commands begin with, such as "awe -w here"."""
    yield f"# the best known chain for this dataset ({made.task}) within {made.budget}; it ends in the model {BEST}"
    yield from (f"# note: {note}" for note in made.notes)
    yield "set -e"
    for step in made.steps:
        yield f"# {step.why}"
        yield f"{prefix} {shlex.join(step.arguments)}"


def as_makefile(made: Chain, folder: str) -> Iterable[str]:
    """The lines of a Makefile whose first target is the model `best`; `folder` is the workspace.

    Raises UsageError for a folder whose name make would split.
    """
    if set(folder) & set(" \t#:%\\"):
        raise UsageError(
            f"--makefile: expected a workspace whose path has no space, #, : or %, found {folder!r}",
            hint="name it by another path, or use `awe recipe | sh`",
        )
    yield f"# the best known chain for this dataset ({made.task}) within {made.budget}: `make {BEST}`"
    yield from (f"# note: {note}" for note in made.notes)
    yield f"W := {_escaped(folder)}"
    yield f".PHONY: {BEST}"
    yield f"{BEST}: $(W)/{made.steps[-1].target}"
    for step in made.steps:
        yield f"$(W)/{step.target}: " + " ".join(f"$(W)/{target}" for target in step.targets())
        yield f"\tawe -w '$(W)' {_escaped(shlex.join(step.arguments))}"


def _escaped(text: str) -> str:
    return text.replace("$", "$$")
