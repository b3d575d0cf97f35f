"""The study as it lies on disk: all that reports and verdicts need besides the run folders."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rl_transfer.errors import StoreError
from rl_transfer.execute.plan import Plan, PlannedRun
from rl_transfer.execute.second_look import verdict_settings
from rl_transfer.store import Store, read_json, write_json
from rl_transfer.study import FIRST_SOURCE, LoadedPair, PairConfig, Rung

FORMAT = 1


def refuse_other_study(plan: Plan, store: Store) -> None:
    """Refuse a study whose name stands for another one in the store already: its results would be overwritten.

    Raises:
        StoreError: Says what differs, and how to keep both.
    """
    path = store.study(plan.study.name) / "study.json"
    if not path.with_name("verdicts.json").exists():
        return
    there, here = read_json(path), verdict_settings(plan.study.config)
    runs = {
        (pair, run["arm"], run["seed"], run["key"]) for pair in there["pairs"] for run in there["pairs"][pair]["runs"]
    }
    differs = [name for name, value in here.items() if there.get(name) != value]
    if runs != {(run.pair, run.arm, run.seed, run.key) for run in plan.runs}:
        differs.append("runs")
    if differs:
        raise StoreError(
            f"{path.parent} holds another study of this name (other {', '.join(differs)}): give this one a name of "
            "its own with --name, or another --store; nothing was changed. (Seeds added to a finished study are a "
            "second look at it, which its error level does not cover: first_seed gives fresh ones.)"
        )


def write_manifest(plan: Plan, store: Store, folders: Mapping[str, Path], command: list[str]) -> Path:
    """Write ``studies/NAME/study.json``.

    Args:
        plan: The study's plan.
        store: Where.
        folders: Each run's folder by key.
        command: The command that repeats the study.

    Returns:
        The file.
    """
    config = plan.study.config
    path = store.study(plan.study.name) / "study.json"
    write_json(
        path,
        {
            "format": FORMAT,
            "name": plan.study.name,
            "description": config.description,
            **verdict_settings(config),
            "command": shlex.join(command),
            "judged_before": plan.judged_before,
            "versions": next(run for run in plan.runs if run.arm == "scratch").spec.versions,
            **({} if config.tuning is None else {"tuning": config.tuning.model_dump(mode="json")}),
            "pairs": {pair.name: pair_entry(plan, pair, store, folders) for pair in plan.study.pairs},
        },
    )
    return path


def pair_entry(plan: Plan, pair: LoadedPair, store: Store, folders: Mapping[str, Path]) -> dict[str, Any]:
    """What reports and verdicts need of one pair of a plan."""
    runs = [run for run in plan.runs if run.pair == pair.name]
    return {**pair_settings(plan, pair), "runs": [_run(run, store, folders) for run in runs]}


def pair_settings(plan: Plan, pair: LoadedPair) -> dict[str, Any]:
    """How one pair of a plan is learned and measured."""
    runs = [run for run in plan.runs if run.pair == pair.name]
    target = next(run for run in runs if run.arm == "scratch").spec
    config = pair.config
    return {
        "description": config.description,
        "source": config.source.model_dump(mode="json"),
        "target": config.target.model_dump(mode="json"),
        "algorithm": config.learner.algorithm,
        "learner": config.learner.model_dump(mode="json"),
        **_origin(pair, runs),
        **_place(pair),
        "score": config.score.model_dump(mode="json"),
        "threshold_score": config.threshold_score,
        "source_threshold_return": config.source_threshold_return,
        **_other_sources(config, runs),
        "target_steps": config.budget.target,
        "grid": list(target.grid),
        "episodes": target.episodes,
        "scratch": plan.study.config.scratch.model_dump(mode="json"),
        "arms": {
            name: arm.model_dump(mode="json", exclude={"pairs"})
            for name, arm in plan.study.config.arms_on(pair.name).items()
        },
    }


def _place(pair: LoadedPair) -> dict[str, Any]:
    """Where a variant stands among others: on a ladder, or in a matrix."""
    if pair.place is None:
        return {}
    return {"rung" if isinstance(pair.place, Rung) else "cell": asdict(pair.place)}


def _origin(pair: LoadedPair, runs: Iterable[PlannedRun]) -> dict[str, Any]:
    """Where the source agents come from, where that is not the pair's own learner."""
    config = pair.config
    if config.source_agent is None:
        other = config.source_learner
        learner = {} if other is None else {"source_learner": other.model_dump(mode="json")}
        return {"source_steps": config.budget.source, **learner}
    imported = next((run.spec.imported for run in runs if run.arm == "source"), None)
    digest = None if imported is None else imported.sha256
    return {"source_agent": {"name": config.source_agent, "sha256": digest}}


def _other_sources(config: PairConfig, runs: Iterable[PlannedRun]) -> dict[str, Any]:
    """The further sources as the pair's file has them, where there are any; a stored agent with its file's digest."""
    if not config.other_sources:
        return {}
    digests = {run.arm: run.spec.imported.sha256 for run in runs if run.spec.imported is not None}
    found = {}
    for name, source in config.sources.items():
        if name == FIRST_SOURCE:
            continue
        said = config.other_sources[name].model_dump(mode="json", exclude_unset=True)
        if source.agent is not None:
            said["source_agent"] = {"name": source.agent, "sha256": digests.get(source.arm)}
        found[name] = {**said, "source_steps": source.steps}
    return {"other_sources": found}


def _run(run: PlannedRun, store: Store, folders: Mapping[str, Path]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "arm": run.arm,
        "seed": run.seed,
        "key": run.key,
        "path": store.relative(folders[run.key]),
    }
    if run.spec.source is not None:
        entry["source_path"] = store.relative(folders[run.spec.source.key])
    if run.spec.other_sources:
        entry["other_source_paths"] = [store.relative(folders[other.key]) for other in run.spec.other_sources]
    if run.spec.references:
        entry["reference_paths"] = [store.relative(folders[key]) for key in run.spec.references]
    return entry
