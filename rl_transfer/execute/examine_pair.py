"""A pair examined before it costs anything: its environments, its numbers, and a thousand steps of training."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rl_transfer.errors import ConfigError, EnvironmentFailedError, RLTransferError
from rl_transfer.execute.anchors import Anchors, Clock, measure_anchors_within
from rl_transfer.execute.examine_task import Finding, Output, examine, one_line, same_task
from rl_transfer.execute.plan import Plan, evaluation_grid
from rl_transfer.run.protocol import Progress, Run
from rl_transfer.stats.student import critical_value
from rl_transfer.store import read_json
from rl_transfer.study import LearnerConfig, PairConfig, PairSource, RunSpec, TaskConfig, source_arm

SMOKE_STEPS = 1000
_TIMED = (1, 2)
"""Points between which hardly anything happens but an evaluation."""
_EPISODES = 100
_FEWEST_EPISODES = 10
"""Fewer say too little of their spread to contradict an anchor."""
_RANDOM_STEPS = 20_000
_SECONDS = 8.0
# A mean that differs from the measured one by more than chance does so often, and this share of the score's unit.
_CHANCE = 1e-4
_SHARE = 0.02


@dataclass(frozen=True)
class Examination:
    """What was found.

    Attributes:
        findings: One for each check, several where a check has more to say.
        minutes: Estimate for a run on the target on one core, from the smoke run; None if that failed.
    """

    findings: tuple[Finding, ...]
    minutes: float | None

    @property
    def problems(self) -> list[Finding]:
        """What has to be mended."""
        return [finding for finding in self.findings if finding.outcome == "problem"]


def examine_pair(plan: Plan, *, clock: Clock = time.monotonic) -> Examination:
    """Examine the environments of a planned pair, its anchors and thresholds, and train a thousand steps.

    Args:
        plan: Of a study of one pair; what planning refuses was refused before.
        clock: Tells how long measuring and training take.
    """
    (pair,) = plan.study.pairs
    config = pair.config
    findings = [found for name, source in config.sources.items() for found in examine(_about(name), source.task)]
    findings += examine("target", config.target)
    minutes = None
    with redirect_stdout(Output()):
        if not any(finding.outcome == "problem" for finding in findings):
            findings += _numbers_guarded(config, clock)
        if not any(finding.outcome == "problem" for finding in findings if finding.check != "anchors"):
            for about, spec in _smoke_runs(plan):
                finding, minutes = _smoke(about, spec, clock)
                findings.append(finding)
    return Examination(tuple(findings), minutes)


def _about(source: str) -> str:
    """What a source is called in findings."""
    return source_arm(source).replace(".", " ")


def _numbers_guarded(config: PairConfig, clock: Clock) -> list[Finding]:
    """The findings on a pair's numbers; an environment that fails only now is one of them."""
    findings: list[Finding] = []
    try:
        findings.extend(_numbers(config, clock))
    except EnvironmentFailedError as error:
        findings.append(Finding("pair", "numbers", "problem", f"{one_line(error)}: mend the environment"))
    except ConfigError as error:
        findings.append(Finding("pair", "numbers", "problem", one_line(error)))
    return findings


def _numbers(config: PairConfig, clock: Clock) -> Iterator[Finding]:
    for name, source in config.sources.items():
        if same_task(source.task, config.target):
            text = (
                "can't be told apart in 1,000 steps: an identity pair, on which transfer should start at the source's "
                "score"
            )
            yield Finding("pair", f"{_about(name)} and target", "note", text)
    yield from _anchors(config, clock)
    for source in config.sources.values():
        yield from _source_threshold(source, clock)
    if not 0 < config.threshold_score <= 1:
        text = f"threshold_score is {config.threshold_score:g}: a score from 0 (random) to 1 (reference), such as 0.8"
        yield Finding("pair", "threshold", "problem" if config.threshold_score <= 0 else "note", text)


def _anchors(config: PairConfig, clock: Clock) -> Iterator[Finding]:
    score, found = config.score, _measured(config.target, clock)
    if len(found.random_E) < _FEWEST_EPISODES:
        yield _unchecked("target", found)
        return
    unit = score.reference - score.random
    allowed = critical_value(_CHANCE, len(found.random_E) - 1) * found.standard_error + _SHARE * unit
    summary = (
        f"random actions give {found.random:.1f} ± {found.standard_error:.1f}, the worst episode {found.worst:.1f}"
    )
    problems = []
    if abs(found.random - score.random) > allowed:
        problems.append(f"score.random is {score.random:g}: write {found.random:.1f}")
    if found.random >= score.reference:
        problems.append(
            f"score.reference is {score.reference:g}, which random actions reach: what does a good agent get?"
        )
    for problem in problems:
        yield Finding("target", "anchors", "problem", f"{summary}, but {problem}")
    if found.worst < score.worst - _SHARE * unit:
        text = f"{summary}, below score.worst ({score.worst:g}): such episodes are floored; write {found.worst:.1f}"
        yield Finding("target", "anchors", "note", text)
    elif not problems:
        yield Finding("target", "anchors", "good", summary)


def _source_threshold(source: PairSource, clock: Clock) -> Iterator[Finding]:
    if source.agent is not None:
        return
    found, about = _measured(source.task, clock), _about(source.name)
    if len(found.random_E) < _FEWEST_EPISODES:
        yield _unchecked(about, found)
    elif found.random >= source.threshold_return:
        text = (
            f"source_threshold_return is {source.threshold_return:g}, which random actions reach on the source "
            f"({found.random:.1f}): what does a trained source get?"
        )
        yield Finding(about, "anchors", "problem", text)
    else:
        yield Finding(about, "anchors", "good", f"random actions give {found.random:.1f}")


def _unchecked(about: str, found: Anchors) -> Finding:
    count = len(found.random_E)
    episodes = f"{count} episode{'s' if count > 1 else ''}"
    text = f"too slow to check: {episodes} of random actions in {_RANDOM_STEPS:,} steps or {_SECONDS / 2:g} s"
    return Finding(about, "anchors", "note", f"{text}; they give {found.random:.1f}")


def _measured(task: TaskConfig, clock: Clock) -> Anchors:
    return measure_anchors_within(task, _RANDOM_STEPS, _SECONDS, _EPISODES, clock=clock)


def _smoke_runs(plan: Plan) -> Iterator[tuple[str, RunSpec]]:
    """A run of each source that is trained, whether or not an arm uses it, then one on the target."""
    config = plan.study.pairs[0].config
    target = next(run for run in plan.runs if run.arm == "scratch").spec
    for source in config.sources.values():
        if source.steps is not None:
            changes = {"task": source.task, "learner": source.learner, "grid": evaluation_grid(config, source.steps)}
            spec = target.model_copy(update={"role": "source", "horizon_steps": None, **changes})
            yield _about(source.name), spec
    yield "target", target


def _smoke(about: str, spec: RunSpec, clock: Clock) -> tuple[Finding, float | None]:
    """Train for a thousand steps, in a folder that is removed again, and time it."""
    rollout = spec.learner.rollout_steps
    steps = -(-SMOKE_STEPS // rollout) * rollout
    short = spec.model_copy(
        update={
            "learner": _early(spec.learner, steps),
            "grid": (0, *_TIMED, steps),
            "episodes": 1,
            "segment_steps": max(spec.segment_steps, steps),
        }
    )
    check = f"{steps:,} steps of {spec.learner.algorithm}"
    passed: list[tuple[int, float]] = []
    problem = _trained(short, lambda progress: passed.append((progress.step, clock())))
    if problem is not None:
        return Finding(about, check, "problem", problem), None
    seconds = _estimated_seconds(spec, passed)
    speed = f"{spec.budget_steps / seconds:,.0f} steps/s with evaluation"
    text = f"{speed}: about {seconds / 60:.1f} min for {spec.budget_steps:,} steps"
    return Finding(about, check, "good", text), seconds / 60


def _estimated_seconds(spec: RunSpec, passed: Sequence[tuple[int, float]]) -> float:
    """What a run will take, from the moments at which a short one with one episode a point passed its steps."""
    first, (steps, end) = dict(reversed(passed)), passed[-1]
    episode_seconds = first[_TIMED[1]] - first[_TIMED[0]]
    training_seconds = max(end - first[0] - (1 + len(_TIMED)) * episode_seconds, 1e-6)
    return spec.budget_steps * training_seconds / steps + len(spec.grid) * spec.episodes * episode_seconds


def _trained(spec: RunSpec, on_progress: Callable[[Progress], None]) -> str | None:
    """Carry out a run and forget it; what went wrong, if anything did."""
    import torch

    torch.set_num_threads(spec.threads)
    with TemporaryDirectory() as folder:
        try:
            Run(spec, Path(folder), None, on_progress).carry_out()
        except RLTransferError as error:
            return one_line(error)
        except Exception as error:
            return f"raised {type(error).__name__}: {one_line(error)}"
        status = read_json(Path(folder) / "status.json")
    return None if status["outcome"] == "completed" else one_line(f"{status['outcome']}: {status['message']}")


def _early(learner: LearnerConfig, steps: int) -> LearnerConfig:
    """A learner that learns during nearly all of so many steps, as in a long run."""
    if learner.off_policy:
        return learner.model_copy(update={"learning_starts": min(learner.learning_starts, steps // 20)})  # type: ignore[union-attr]
    return learner
