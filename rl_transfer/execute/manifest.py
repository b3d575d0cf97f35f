"""The study as it lies on disk: all that reports and verdicts need besides the run folders."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl_transfer.execute.plan import Plan, PlannedRun
from rl_transfer.store import Store, write_json
from rl_transfer.study import LoadedPair

FORMAT = 1


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
            "alpha": config.alpha,
            "margin": config.margin,
            "seeds": config.seeds,
            "baseline_seeds": config.baseline_seeds or config.seeds,
            "command": shlex.join(command),
            "versions": plan.runs[0].spec.versions,
            "pairs": {pair.name: _pair(plan, pair, store, folders) for pair in plan.study.pairs},
        },
    )
    return path


def _pair(plan: Plan, pair: LoadedPair, store: Store, folders: Mapping[str, Path]) -> dict[str, Any]:
    runs = [run for run in plan.runs if run.pair == pair.name]
    target = next(run for run in runs if run.arm == "scratch").spec
    config = pair.config
    return {
        "description": config.description,
        "source": config.source.model_dump(mode="json"),
        "target": config.target.model_dump(mode="json"),
        "algorithm": config.learner.algorithm,
        "learner": config.learner.model_dump(mode="json"),
        "score": config.score.model_dump(mode="json"),
        "threshold_score": config.threshold_score,
        "source_threshold_return": config.source_threshold_return,
        "target_steps": config.budget.target,
        "source_steps": config.budget.source,
        "grid": list(target.grid),
        "episodes": target.episodes,
        "arms": {name: arm.model_dump(mode="json") for name, arm in plan.study.config.arms.items()},
        "runs": [_run(run, store, folders) for run in runs],
    }


def _run(run: PlannedRun, store: Store, folders: Mapping[str, Path]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "arm": run.arm,
        "seed": run.seed,
        "key": run.key,
        "path": store.relative(folders[run.key]),
    }
    if run.spec.source is not None:
        entry["source_path"] = store.relative(folders[run.spec.source.key])
    return entry
