"""Choosing a source before training on it: early runs and probes, and what the predictors say of each candidate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import JsonValue

from rl_transfer.analysis import Candidate, Costs, PairData, PairEntry, Prediction, RunData, Selection, load_pair
from rl_transfer.analysis.manifest import BASELINE
from rl_transfer.errors import ConfigError, RLTransferError
from rl_transfer.execute.early_runs import Early, cell
from rl_transfer.execute.local import assign_folders, execute
from rl_transfer.execute.manifest import pair_entry
from rl_transfer.execute.observer import Observer
from rl_transfer.execute.probes import PROBED, UNASKABLE, Probes, Sample, probe, sample_agent
from rl_transfer.execute.selection_matrix import Matrix
from rl_transfer.stats import mean_score
from rl_transfer.store import Store
from rl_transfer.study import LoadedPair, RunName

_Found = TypeVar("_Found")


def select(
    early: Early,
    store: Store,
    *,
    workers: int,
    observer: Observer,
    name: str,
    identity: dict[str, JsonValue],
    matrix: Matrix | None = None,
) -> Selection:
    """Carry out what `plan_early` planned, ask every source agent, and gather what the predictors say.

    Args:
        early: The runs.
        store: Where they go.
        workers: Processes at once.
        observer: Who is told.
        name: The selection's name.
        identity: What its numbers depend on.
        matrix: The finished study whose cells these are.

    Raises:
        RLTransferError: If a run crashed.
    """
    folders = assign_folders(early.plan, store)
    notes = list(early.plan.notes)
    for failure in execute(early.plan, store, folders, workers=workers, observer=observer, stage="early runs"):
        if failure.outcome in ("crashed", "not run"):
            what = f"{failure.run} {failure.outcome}: {failure.message} (log: {failure.log})"
            raise RLTransferError(f"{what}; finished runs are kept, the same command goes on from there")
        notes.append(f"{failure.run} {failure.outcome}: it counts with the worst score from there on")
    asking = _Asking(early, store, folders, observer)
    candidates = asking.candidates({} if matrix is None else matrix.truth)
    config = early.plan.study.config
    first, after = config.first_seed, config.first_seed + config.looks[-1].seeds
    return Selection(
        name=name,
        identity=identity,
        arm=early.arm,
        seeds=tuple(range(first, after)),
        share=early.share,
        candidates=candidates,
        excluded=dict(early.excluded),
        baseline_costs=asking.baseline_costs(),
        notes=tuple(notes),
        judge_from=after,
        study=None if matrix is None else matrix.study.name,
        shares_seeds=matrix is not None and first < matrix.next_seed and after > matrix.study.config.first_seed,
    )


@dataclass
class _Asking:
    """Asks the source agents of a selection; what an agent collected serves every candidate that needs it."""

    early: Early
    store: Store
    folders: Mapping[str, Path]
    observer: Observer
    _samples: dict[tuple[Path, int], Sample | str] = field(default_factory=dict)
    _baselines: dict[tuple[str, int], tuple[RunData, Path]] = field(default_factory=dict)

    def candidates(self, truth: Mapping[str, float]) -> tuple[Candidate, ...]:
        """All candidates, one after the other."""
        pairs = self.early.plan.study.pairs
        seeds = self.early.plan.study.config.looks[-1].seeds
        count = len(pairs) * seeds
        self.observer.begin(runs=count, stored_runs=0, steps=count, stored_steps=0, stage="probes")
        return tuple(self._candidate(pair, truth.get(pair.name)) for pair in pairs)

    def baseline_costs(self) -> Costs:
        """The early from-scratch runs and what their agents collected, each once."""
        runs = {folder: run for run, folder in self._baselines.values()}
        sampled = [self._samples.get((folder, run.seed)) for folder, run in runs.items()]
        return Costs(
            source_steps=0,
            target_steps=_charged(list(runs.values())),
            probe_steps=sum(sample.steps for sample in sampled if isinstance(sample, Sample)),
            evaluation_steps=_evaluated(list(runs.values())),
        )

    def _candidate(self, pair: LoadedPair, truth: float | None) -> Candidate:
        data = self._data(pair)
        baselines = {run.seed: run for run in data.of_arm(BASELINE)}
        place, runs = cell(pair), data.of_arm(self.early.arm)
        predictions, probe_steps = [], 0
        for run in runs:
            self.observer.run_started(RunName(pair.name, "probes", run.seed), 1)
            baseline = baselines[run.seed]
            self._baselines[place.target, run.seed] = baseline, self.store.root / baseline.path
            scored = {
                "zero_shot": float(run.score_T[0]),
                "early_learning": float(_mean(run, data) - _mean(baseline, data)),
            }
            predictions += [Prediction(seed=run.seed, predictor=key, value=value) for key, value in scored.items()]
            found, steps = self._probed(pair, run)
            predictions += found
            probe_steps += steps
            self.observer.run_ended(RunName(pair.name, "probes", run.seed), "completed")
        return Candidate(
            source=place.source,
            target=place.target,
            pair=pair.name,
            predictions=tuple(predictions),
            costs=Costs(
                source_steps=_source_steps(runs),
                target_steps=_charged(runs),
                probe_steps=probe_steps,
                evaluation_steps=_evaluated(runs),
            ),
            truth=truth,
        )

    def _data(self, pair: LoadedPair) -> PairData:
        entry = pair_entry(self.early.plan, pair, self.store, self.folders)
        return load_pair(self.store, pair.name, PairEntry.model_validate(entry))

    def _probed(self, pair: LoadedPair, run: RunData) -> tuple[list[Prediction], int]:
        """What the probes of one source agent say, and the steps that they took on both tasks."""
        assert run.source_path is not None
        source = self.store.root / run.source_path
        _, baseline = self._baselines[cell(pair).target, run.seed]
        config = pair.config
        ours, theirs = (self._sample(folder, run.seed) for folder in (source, baseline))
        steps = ours.steps if isinstance(ours, Sample) else 0
        if isinstance(ours, str) or isinstance(theirs, str):
            why = f"the source agent: {ours}" if isinstance(ours, str) else f"the from-scratch agent: {theirs}"
            return _undefined(run.seed, why), steps
        found: Probes | str = _or_reason(
            lambda: probe(
                source,
                ours,
                config.target,
                theirs,
                config.mapping,
                deterministic=config.evaluation.deterministic,
                seed=run.seed,
            )
        )
        if isinstance(found, str):
            return _undefined(run.seed, found), steps
        predictions = [
            Prediction(
                seed=run.seed,
                predictor=name,
                value=found.values.get(name),
                why_not=found.undefined.get(name, ""),
            )
            for name in PROBED
        ]
        return predictions, steps + found.target_steps

    def _sample(self, folder: Path, seed: int) -> Sample | str:
        if (folder, seed) not in self._samples:
            self._samples[folder, seed] = _or_reason(lambda: sample_agent(folder, seed))
        return self._samples[folder, seed]


def _source_steps(runs: Sequence[RunData]) -> int | None:
    """What the runs' source agents were trained for, each once; None where one does not say."""
    steps = {run.source_path: run.costs.get("source_steps") for run in runs}.values()
    known = [int(step) for step in steps if step is not None]
    return sum(known) if len(known) == len(steps) else None


def _or_reason(ask: Callable[[], _Found]) -> _Found | str:
    """What asking gives, or why nothing can be asked."""
    try:
        return ask()
    except UNASKABLE as error:
        return error.message if isinstance(error, ConfigError) else str(error)


def _undefined(seed: int, why: str) -> list[Prediction]:
    return [Prediction(seed=seed, predictor=name, value=None, why_not=why) for name in PROBED]


def _mean(run: RunData, data: PairData) -> float:
    return float(mean_score(np.stack([run.score_T]), data.entry.grid)[0])


def _charged(runs: Sequence[RunData]) -> int:
    return int(sum(run.costs["target_steps"] + run.costs.get("reference_steps", 0) for run in runs))


def _evaluated(runs: Sequence[RunData]) -> int:
    return int(sum(run.costs["evaluation_steps"] for run in runs))
