"""Aliases of models: give one to a model that is good enough, take it back, list what there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.config.promote import PromoteSettings
from awe_cli.errors import AweError, GateError, MissingInputError, SettingsError
from awe_cli.evaluation.conditions import Condition, Verdict, judge_condition, parse_condition
from awe_cli.models.load import find_model
from awe_cli.models.store import fits_of_model, load_result
from awe_cli.report.tables import best_on_validation
from awe_cli.steps.evaluate import evaluate
from awe_cli.workspace import Artifact, Workspace, check_name
from awe_cli.workspace.store import Pointer


@dataclass(frozen=True)
class Promotion:
    """What an alias means after `promote` or `rollback`.

    before    digest of what it meant before; None where it is new
    changed   whether the alias was changed
    verdicts  of the conditions, in their order
    """

    alias: str
    now: Pointer
    before: str | None
    changed: bool
    verdicts: tuple[Verdict, ...] = ()


def promote(
    ws: Workspace,
    model: str,
    alias: str,
    conditions: Sequence[str] = (),
    settings: PromoteSettings | None = None,
    *,
    threads: int | None = None,
    wait: float = 0,
) -> Promotion:
    """Let `alias` mean the artifact that `model` means now, if every condition holds.

    The workspace is locked from the look-up to the change. A model that has the alias already is not judged again.
    Raises GateError naming every condition that does not hold (the alias is then as it was), SettingsError
    where `alias` is the name of a model that a step made, and what `evaluate` raises.
    """
    settings = settings or PromoteSettings()
    ws.require()
    check_name(alias)
    parsed = [parse_condition(text, ws.names("model")) for text in conditions]
    with ws.lock(wait):
        candidate = find_model(ws, model)
        before = ws.pointer("model", alias)
        if before is not None and not before.is_alias:
            raise SettingsError(
                f"{alias!r} is the name of a model that a step made, not an alias",
                hint="choose another name for the alias, such as --as champion",
            )
        if before is not None and before.digest == candidate.digest:
            ws.would(ws.target("model", alias))
            return Promotion(alias, before, before.digest, changed=False)
        ws.would(ws.target("model", alias), *_why(model, candidate, before, conditions))
        verdicts = _judge(ws, model, alias, before, parsed, settings, threads)
        failed = [verdict.line for verdict in verdicts if not verdict.holds]
        if failed:
            kept = "there is still none" if before is None else f"it still means {before.digest[:12]}"
            raise GateError(
                f"{model} is not promoted to {alias}: {'; '.join(failed)}",
                hint=f"{alias} was not changed: {kept}",
            )
        now = ws.promote(candidate, alias, _source(ws, model))
        return Promotion(alias, now, before.digest if before else None, True, tuple(verdicts))


def _why(model: str, candidate: Artifact, before: Pointer | None, conditions: Sequence[str]) -> list[str]:
    """What a promotion would do, in words."""
    old = f"in place of {before.source} ({before.digest[:12]})" if before else "where there is none yet"
    asked = [f"if {condition} holds, which would be measured" for condition in conditions]
    return [f"it would mean {model} ({candidate.digest[:12]}), {old}", *asked]


def rollback(ws: Workspace, alias: str, to: str | None = None, *, wait: float = 0) -> Promotion:
    """Let `alias` mean what it meant before, or version `to` (its number, or the start of a digest).

    This is one more version, so that a rollback can be rolled back. Raises MissingInputError where there is no
    such alias or version, or where its artifact was removed; SettingsError where the name is no alias.
    """
    ws.require()
    with ws.lock(wait):
        now = _alias(ws, alias)
        version = _version(now, alias, to)
        if version.digest == now.digest:
            return Promotion(alias, now, now.digest, changed=False)
        if not (ws.store / version.digest).is_dir():
            raise MissingInputError(
                f"version {version.number} of {alias} ({version.digest[:12]}) was removed from the store",
                hint="name another version with --to; `awe gc --keep N` keeps the last N of every alias",
            )
        artifact = ws.get("model", version.digest, verify=True)
        changed = ws.promote(artifact, alias, version.source or alias)
        return Promotion(alias, changed, now.digest, changed=True)


def list_models(ws: Workspace) -> list[dict[str, Any]]:
    """Every name of a model, as JSON: versions, aliases, what it was made from, how well it ranks validation.

    A model that cannot be read is listed with what is wrong under "error".
    """
    ws.require()
    pointers: dict[str, Pointer | AweError] = {}
    for name in ws.names("model"):
        try:
            pointer = ws.pointer("model", name)
        except AweError as error:
            pointers[name] = error
            continue
        if pointer is not None:
            pointers[name] = pointer
    return [_listed(ws, name, pointers) for name in pointers]


def _judge(
    ws: Workspace,
    model: str,
    alias: str,
    before: Pointer | None,
    conditions: Sequence[Condition],
    settings: PromoteSettings,
    threads: int | None,
) -> list[Verdict]:
    """One comparison for each model that the conditions name, with all measures that are needed."""
    documents: dict[str | None, dict[str, Any]] = {}
    verdicts = []
    for condition in conditions:
        if condition.model == alias and before is None:
            verdicts.append(Verdict(True, f"{condition.text}: taken as met, there is no {alias} yet"))
            continue
        other = condition.model
        if other not in documents:
            measures = tuple(dict.fromkeys(c.measure for c in conditions if c.model == other))
            names = [model] if other is None else [other, model]
            asked = EvaluateSettings(
                split=settings.split, metric=measures, seed=settings.seed, baseline_model=names[0]
            )
            documents[other] = evaluate(ws, names, asked, threads=threads)[0]
        verdicts.append(judge_condition(condition, documents[other], model, settings.confident))
    return verdicts


def _source(ws: Workspace, model: str) -> str:
    """The name of the model, also where it was promoted by another alias."""
    pointer = ws.pointer("model", model)
    return (pointer.source if pointer else None) or model


def _alias(ws: Workspace, alias: str) -> Pointer:
    pointer = ws.pointer("model", alias)
    if pointer is None:
        there = ", ".join(name for name in ws.names("model") if ws.is_alias("model", name)) or "none"
        raise MissingInputError(
            f"there is no alias {alias!r} in the workspace {ws.root}; there: {there}",
            hint=f"make it with `awe promote MODEL --as {alias}`",
        )
    if not pointer.is_alias:
        raise SettingsError(
            f"{alias!r} is a model that a step made, not an alias",
            hint="only what `awe promote` set can be rolled back",
        )
    return pointer


def _version(now: Pointer, alias: str, to: str | None) -> Pointer:
    versions = [*now.versions]
    if to is None:
        if len(versions) < 2:
            raise MissingInputError(
                f"there is nothing to roll back to: {alias} has meant one model only ({now.digest[:12]})",
                hint="`awe models` lists the versions of every alias",
            )
        return versions[-2]
    matches = [v for v in versions if str(v.number) == to]
    if not matches and len(to) >= 4:
        matches = [v for v in versions if v.digest.startswith(to.lower())]
    if len({v.digest for v in matches}) != 1:
        there = ", ".join(f"{v.number} ({v.digest[:12]})" for v in versions)
        found = "several" if matches else "none"
        raise MissingInputError(
            f"--to {to}: expected one version of {alias}, found {found}; there: {there}",
            hint="name a version by its number or by the start of its digest",
        )
    return matches[-1]


def _listed(ws: Workspace, name: str, pointers: dict[str, Pointer | AweError]) -> dict[str, Any]:
    pointer = pointers[name]
    if isinstance(pointer, AweError):
        return {"name": name, "error": pointer.message}
    listed: dict[str, Any] = {
        "name": name,
        "alias_of": pointer.source,
        "digest": pointer.digest,
        "created": pointer.created,
        "aliases": [
            other
            for other, its in pointers.items()
            if other != name and isinstance(its, Pointer) and its.is_alias and its.digest == pointer.digest
        ],
        "versions": [
            {
                "version": version.number,
                "digest": version.digest,
                "created": version.created,
                "model": version.source or name,
                "stored": (ws.store / version.digest).is_dir(),
            }
            for version in pointer.versions
        ],
    }
    try:
        artifact = ws.find("model", name)
        return {**listed, "size": artifact.size, **_described(artifact)}
    except AweError as error:
        return {**listed, "error": error.message}


def _described(model: Artifact) -> dict[str, Any]:
    settings = model.settings
    result: dict[str, Any] = {}
    if model.has("result.json"):
        result = load_result(model)
    affinity = result.get("affinity")
    return {
        "type": settings.get("model_type"),
        "affinity": affinity.get("name") if isinstance(affinity, dict) else affinity,
        "fits": ["+".join(fit) for fit in fits_of_model(model)],
        "parents": dict(model.parents),
        "metric": result.get("metric"),
        "validation": best_on_validation(result),
    }
