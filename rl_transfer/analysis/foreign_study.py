"""Other programs' curves as a study: checked against each other, on one scale, ready to be judged."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from math import isfinite
from platform import python_version

import numpy as np

from rl_transfer.analysis.comparisons import matches
from rl_transfer.analysis.foreign import ForeignCurves, ForeignRun
from rl_transfer.analysis.foreign_anchors import Anchors
from rl_transfer.analysis.foreign_arms import name_placebos, transfer_arms
from rl_transfer.analysis.foreign_shared import as_one, shared_notes
from rl_transfer.analysis.load import PairData, RunData, StudyData
from rl_transfer.analysis.manifest import FORMAT, CurvesEntry, Manifest, PairEntry, RunEntry, is_source
from rl_transfer.analysis.scores import scores_of
from rl_transfer.analysis.sides import Side
from rl_transfer.errors import ConfigError
from rl_transfer.stats import fewest_seeds, smallest_reachable_p
from rl_transfer.study import Look, ScoreConfig

_LIBRARIES = ("rl-transfer", "numpy", "scipy")
_FEW = 5
_MOST_BASELINE = 2


@dataclass(frozen=True)
class JudgeSettings:
    """How other programs' curves are to be judged.

    Attributes:
        baseline: The arm that all others are compared with.
        anchors: What scores are measured by.
        alpha: Error level of each family of comparisons on a pair.
        margin: Differences inside +-margin are negligible; in score.
        threshold_score: The score of "steps to threshold".
        placebos: By arm the arm that is its placebo, where that is not called ARM.placebo.
    """

    baseline: str
    anchors: Anchors
    alpha: float = 0.05
    margin: float = 0.10
    threshold_score: float = 0.8
    placebos: Mapping[str, str] = field(default_factory=dict)


def foreign_study(curves: ForeignCurves, settings: JudgeSettings, *, name: str, command: str) -> StudyData:
    """Make a study of curves that other programs made.

    Nothing is interpolated and no run is dropped: what does not fit together is refused. A run whose returns are NaN or
    infinite from some step on counts with the worst anchor from there.

    Args:
        curves: The curves.
        settings: How to judge them.
        name: Name of the study, and of its pair where the curves name none.
        command: What was called, to be repeated.

    Returns:
        The study, as if it had been carried out here; its notes are in ``manifest.curves``.

    Raises:
        ConfigError: If a setting is out of range, an arm or pair is not there, runs of a pair were not evaluated at the
            same steps, or an arm has too few runs to decide anything.
    """
    _check_settings(settings)
    kept = tuple(run for run in curves.runs if not is_source(run.arm))
    named = as_one(name_placebos(kept, settings.placebos))
    grouped: dict[str, list[ForeignRun]] = {}
    for run in named:
        grouped.setdefault(run.pair or name, []).append(run)
    settings.anchors.check_pairs(list(grouped))
    if not grouped:
        raise ConfigError("holds no run but sources'", file=curves.file)
    pairs = tuple(_pair(pair, runs, settings) for pair, runs in grouped.items())
    for pair in pairs:
        _refuse_undecidable(pair, settings.alpha)
    notes = (*curves.notes, *_notes(curves, named, pairs, settings))
    return StudyData(_manifest(pairs, settings, name, command, CurvesEntry(file=str(curves.file), notes=notes)), pairs)


def _check_settings(settings: JudgeSettings) -> None:
    if not 0.0 < settings.alpha < 1.0:
        raise ConfigError(f"must lie strictly between 0 and 1, not {settings.alpha:g}", key="--alpha")
    if not (isfinite(settings.margin) and settings.margin > 0.0):
        raise ConfigError(f"must be a finite score above 0, not {settings.margin:g}", key="--margin")
    if settings.baseline in settings.placebos.values():
        raise ConfigError(f"{settings.baseline} can't be a placebo and the baseline", key="--placebo")
    if not isfinite(settings.threshold_score):
        raise ConfigError(f"must be a finite score, not {settings.threshold_score:g}", key="--threshold-score")


def _pair(name: str, runs: Sequence[ForeignRun], settings: JudgeSettings) -> PairData:
    arms = transfer_arms(list(dict.fromkeys(run.arm for run in runs)), settings.baseline, f"pair {name}")
    _check_sources(runs)
    grid = _common_grid(runs)
    for run in runs:
        _check_end(run, settings.anchors)
    returns = [return_ for run in runs for return_ in run.return_by_step.values()]
    anchors = settings.anchors.of_pair(name, returns)
    episodes = {run.episodes for run in runs}
    entry = PairEntry(
        algorithm=None,
        score=anchors,
        threshold_score=settings.threshold_score,
        source_threshold_return=None,
        target_steps=grid[-1],
        grid=grid,
        episodes=episodes.pop() if len(episodes) == 1 else None,
        baseline=settings.baseline,
        arms=arms,
        runs=tuple(RunEntry(arm=run.arm, seed=run.seed, key="", path=run.path) for run in runs),
    )
    return PairData(name, entry, tuple(_run(run, anchors) for run in runs), (), ())


def _check_sources(runs: Sequence[ForeignRun]) -> None:
    """Refuse arms of which only some runs have a source."""
    with_source = {run.arm: run for run in runs if run.source is not None}
    for run in runs:
        if run.source is None and (other := with_source.get(run.arm)):
            what = f"is missing for {run.path}, but {other.path} has one: give all runs of {run.arm} a source, or none"
            raise ConfigError(what, file=run.place, line=run.line, key="source")


def _common_grid(runs: Sequence[ForeignRun]) -> tuple[int, ...]:
    """The steps at which most runs were evaluated.

    Raises:
        ConfigError: If a run was evaluated at others, or all only once.
    """
    grid = Counter(tuple(run.return_by_step) for run in runs).most_common(1)[0][0]
    for run in runs:
        if found := _off_grid(run, grid):
            hint = "evaluate all runs at the same steps; of a run that failed, write nan to the end and give --worst"
            raise ConfigError(f"{run.path} {found}: {hint}", file=run.place, line=run.line)
    if len(grid) < 2:
        run = runs[0]
        raise ConfigError(f"{run.path} has one evaluation: a curve needs two", file=run.place, line=run.line)
    return grid


def _off_grid(run: ForeignRun, grid: tuple[int, ...]) -> str:
    """What tells a run's steps from the others'; nothing where they are the same."""
    steps = tuple(run.return_by_step)
    if steps[-1] != grid[-1]:
        return f"ends at step {steps[-1]}, most runs end at {grid[-1]} (unequal budgets)"
    different = {"lacks": set(grid) - set(steps), "has beside them": set(steps) - set(grid)}
    found = [f"{what} {_few(sorted(which))}" for what, which in different.items() if which]
    return f"is not on the grid of most runs: it {' and '.join(found)}" if found else ""


def _few(steps: list[int]) -> str:
    listed = ", ".join(map(str, steps[:_FEW]))
    more = f" and {len(steps) - _FEW} more" if len(steps) > _FEW else ""
    return f"step{'s' if len(steps) > 1 else ''} {listed}{more}"


def _check_end(run: ForeignRun, anchors: Anchors) -> None:
    """Refuse a failed run that comes back, or that no worst return is known for."""
    step = _failed_at(run)
    if step is None:
        return
    if again := next((at for at, value in run.return_by_step.items() if at > step and isfinite(value)), None):
        problem = f"but finite again at step {again}: which is wrong?"
    elif anchors.worst is None:
        problem = "the run failed: give --worst, the return that it counts with from there on"
    else:
        return
    value = run.return_by_step[step]
    raise ConfigError(f"{run.path} is {value:g} at step {step}, {problem}", file=run.place, line=run.line, key="return")


def _failed_at(run: ForeignRun) -> int | None:
    return next((step for step, return_ in run.return_by_step.items() if not isfinite(return_)), None)


def _run(run: ForeignRun, anchors: ScoreConfig) -> RunData:
    failed_at = _failed_at(run)
    return_T = np.array([value if isfinite(value) else anchors.worst for value in run.return_by_step.values()])
    try:
        score_T, floored_T = scores_of(return_T, anchors)
    except ValueError as error:
        hint = "of a run that failed, write nan from there on and give --worst"
        raise ConfigError(f"{run.path}: {error}; {hint}", file=run.place, line=run.line, key="return") from error
    return RunData(
        arm=run.arm,
        seed=run.seed,
        path=run.path,
        outcome="completed" if failed_at is None else "diverged",
        message="" if failed_at is None else f"return is {run.return_by_step[failed_at]:g} from step {failed_at} on",
        step_T=np.array(list(run.return_by_step), dtype=np.int64),
        return_T=return_T,
        costs={},
        source_path=run.source,
        score_T=score_T,
        floored_T=floored_T,
    )


def _refuse_undecidable(pair: PairData, alpha: float) -> None:
    """Refuse arms with so few runs that no difference could be found.

    Raises:
        ConfigError: Says how many would do.
    """
    arms = len(pair.entry.arms)
    level = alpha / arms
    for name in pair.entry.arms:
        for family, *names in matches(pair, name):
            arm, baseline = (Side.of(pair, side) for side in names)
            if (smallest := smallest_reachable_p(baseline.count, arm.count)) > level:
                shared = f" shared by {arms} arms" if arms > 1 else ""
                what = f"can't decide anything ({family}): the smallest p they can reach is {smallest:.3g}"
                reason = f"{_sides(arm, baseline)} {what}, the level is {level:.3g} (alpha {alpha:g}{shared})"
                raise ConfigError(f"{reason}: {_enough(level)}", file=f"pair {pair.name}")


def _enough(level: float) -> str:
    seeds = fewest_seeds(level)
    return "no number of seeds can reach it: raise --alpha" if seeds is None else f"at least {seeds} a side are needed"


def _notes(
    curves: ForeignCurves, runs: Sequence[ForeignRun], pairs: Sequence[PairData], settings: JudgeSettings
) -> list[str]:
    """What is allowed but worth knowing."""
    notes = []
    if left_out := sum(is_source(run.arm) for run in curves.runs):
        notes.append(f"{left_out} source runs are left out: no verdict is about them")
    notes += [f"{placebo} is called {arm}.placebo" for arm, placebo in settings.placebos.items()]
    notes += shared_notes(runs)
    for pair in pairs:
        if uneven := _uneven(pair):
            what = "error rates were measured with baselines as large as the arm, up to twice as large"
            notes.append(f"{pair.name}: {', '.join(uneven)}: nothing was calibrated for it; {what}")
        if first := pair.entry.grid[0]:
            what = "the mean score begins there, and there is no jumpstart"
            notes.append(f"{pair.name}: no evaluation before training, the first is at step {first}; {what}")
    return notes


def _uneven(pair: PairData) -> list[str]:
    """Comparisons in which the baseline has fewer runs than the arm, or more than twice as many."""
    found = []
    for name in pair.entry.arms:
        for _, *names in matches(pair, name):
            arm, baseline = (Side.of(pair, side) for side in names)
            if not arm.count <= baseline.count <= _MOST_BASELINE * arm.count:
                found.append(_sides(arm, baseline))
    return found


def _sides(arm: Side, baseline: Side) -> str:
    return " against ".join(f"{side.count} {side.unit} of {side.arm}" for side in (arm, baseline))


def _manifest(
    pairs: Sequence[PairData], settings: JudgeSettings, name: str, command: str, curves: CurvesEntry
) -> Manifest:
    arms = max(len(pair.of_arm(arm)) for pair in pairs for arm in pair.entry.arms)
    baseline = max(len(pair.of_arm(settings.baseline)) for pair in pairs)
    return Manifest(
        format=FORMAT,
        name=name,
        alpha=settings.alpha,
        margin=settings.margin,
        looks=(Look(seeds=arms, baseline_seeds=baseline, alpha=settings.alpha),),
        command=command,
        versions={"python": python_version(), **{library: version(library) for library in _LIBRARIES}},
        curves=curves,
        pairs={pair.name: pair.entry for pair in pairs},
    )
