"""The protocol of a run: prepare, then segment after segment from checkpoint to checkpoint, then the aftermath."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rl_transfer import seeds
from rl_transfer.errors import DivergedError, EnvironmentFailedError, RLTransferError
from rl_transfer.knowledge import Knowledge
from rl_transfer.learner import Learner, build_learner
from rl_transfer.methods import build_methods, refuse_several_sources
from rl_transfer.run import checkpoint as checkpoints
from rl_transfer.run.checkpoint import Checkpoint
from rl_transfer.run.curve import Curve, play
from rl_transfer.run.environments import training_environments
from rl_transfer.run.results import write_agent, write_status
from rl_transfer.run.reviews import Reviews, StartAnew, write_episodes
from rl_transfer.run.signals import Signals, keep_references, kept_signals
from rl_transfer.run.sources import Sources
from rl_transfer.run.transfer import pretrain, print_fates, transfer, write_fates
from rl_transfer.store import read_json, write_csv, write_json
from rl_transfer.study import RunSpec, TaskConfig
from rl_transfer.tasks import Meter


@dataclass(frozen=True)
class Progress:
    """What a run tells while it goes on: charged steps, and the last evaluation's mean return."""

    step: int
    mean_return: float | None


class Run:
    """One run on its way.

    Args:
        spec: What to do.
        folder: Where the results go, and where an earlier attempt left its checkpoints.
        source: Folder of the finished source run, for a run that uses knowledge.
        on_progress: Called at every rollout and evaluation.
        references: Folders of the finished reference runs, in the specification's order.
        other_sources: Folders of further finished source runs, in the specification's order.
        signals: Whether to log, beside the curve, what explains transfer; the results are the same without.

    Raises:
        ConfigError: If there is a method that does not exist, does not fit, or takes one source only and gets several.
    """

    def __init__(
        self,
        spec: RunSpec,
        folder: Path,
        source: Path | None,
        on_progress: Callable[[Progress], None],
        references: Sequence[Path] = (),
        other_sources: Sequence[Path] = (),
        *,
        signals: bool = True,
    ) -> None:
        self.spec, self.folder, self.source = spec, folder, source
        self.methods = build_methods(spec.methods, spec.learner.algorithm)
        refuse_several_sources(spec.methods, spec.source_names)
        self._knowledge: Knowledge | None = None
        self._sources = Sources(spec, [] if source is None else [source, *other_sources], self.methods)
        self._references = references
        self._reviews = Reviews(self.methods, spec.budget_steps, references)
        self._reviews_held = 0
        self._fell_back_at: int | None = None
        self._logs_signals = signals
        self._signals: Signals | None = None
        self._on_progress = on_progress
        self._last_return: float | None = None
        self._checkpoints = folder / "checkpoints"
        self._events = folder / "events"
        self._lap_start = time.monotonic()
        self._meter = Meter()

    def carry_out(self, *, stop_after_segment: int | None = None) -> None:
        """Do what is not done yet, up to the finished status.

        A learner that diverged or an environment that failed ends the run with a curve up to there; any other
        exception leaves the run unfinished, to be continued from its last checkpoint.

        Args:
            stop_after_segment: Stop at this boundary, as if killed there.
        """
        state = checkpoints.latest(self._checkpoints) or self._prepare()
        if state is None:
            return
        curve = Curve(self.spec, state.rows, self._tell_point)
        learner = self._restore(state)
        try:
            while self._meter.steps < self.spec.budget_steps:
                try:
                    self._train_segment(learner, state, curve)
                except StartAnew as reason:
                    learner = self._start_anew(learner, reason)
                    continue
                learner.close()  # first: the checkpoint counts its log file as complete
                state = self._save(learner, state, curve)
                if state.segment == stop_after_segment:
                    return
                learner = self._restore(state)
            curve.measure_before(learner, self.spec.budget_steps + 1)
            self._finish(learner, curve, state)
        except (DivergedError, EnvironmentFailedError) as error:
            self._fail(error, learner, curve, state)
        finally:
            learner.close()

    def _learner(self, *, log: bool, meter: Meter | None = None) -> Learner:
        spec = self.spec
        self._meter = meter or Meter()
        return build_learner(
            spec.learner,
            training_environments(spec, self._meter),
            self._meter,
            seed=seeds.integer(spec.role, spec.seed, "initial"),
            device=spec.device,
            log_folder=self._events if log else None,
        )

    def _prepare(self) -> Checkpoint | None:
        """Let the methods change a fresh learner, and write the first checkpoint; None where it has ended already."""
        shutil.rmtree(self._checkpoints, ignore_errors=True)
        learner = self._learner(log=False)
        ended = self._carry_over(learner)
        learner.close()
        first = Checkpoint(segment=0, teacher_calls=self._sources.teacher_calls)
        if ended is not None:
            self._fail(ended, learner, Curve(self.spec, (), self._tell_point), first)
            return None
        checkpoints.save(self._checkpoints, first, learner)
        return first

    def _carry_over(self, learner: Learner) -> DivergedError | EnvironmentFailedError | None:
        """Let the methods transfer, then pretrain; returns what ended that: the learner diverged, a task failed."""
        spec, ended = self.spec, None
        if self.source is None:
            self._keep_references(learner, Knowledge())
            return None
        try:
            knowledge = self._read_knowledge(learner)
        except EnvironmentFailedError as error:  # a source that plays its own task
            return error
        fates = transfer(self.methods, learner, knowledge)
        try:
            fates += pretrain(
                self.methods,
                learner,
                knowledge,
                lambda place: seeds.generator(spec.role, spec.seed, "pretraining", place),
            )
        except DivergedError as error:
            ended = error
        self._knowledge = self._to_keep(knowledge)
        self._keep_references(learner, knowledge)
        write_fates(self.folder / "transfer.csv", fates)
        print_fates(fates)
        return ended

    def _keep_references(self, learner: Learner, knowledge: Knowledge) -> None:
        if self._logs_signals:
            keep_references(self._checkpoints, learner, knowledge)

    def _kept_knowledge(self, learner: Learner) -> Knowledge:
        """What the methods keep, read once; the learner must be fresh then."""
        if self._knowledge is None:
            keep = any(method.keeps for method in self.methods)
            self._knowledge = self._to_keep(self._read_knowledge(learner)) if keep else Knowledge()
        return self._knowledge

    def _to_keep(self, knowledge: Knowledge) -> Knowledge:
        kept = frozenset().union(*(method.keeps for method in self.methods))
        return knowledge.of_kinds(kept) if kept else Knowledge()

    def _read_knowledge(self, learner: Learner) -> Knowledge:
        return self._sources.knowledge(learner)

    def _restore(self, state: Checkpoint) -> Learner:
        """Make the learner anew from a checkpoint: after a kill and in an undisturbed run alike."""
        if self._events.is_dir():
            for file in self._events.iterdir():
                if file.name not in state.events:
                    file.unlink()
        learner = self._learner(log=True)
        knowledge = self._kept_knowledge(learner)
        initial = learner.networks()
        if self._logs_signals:
            learner.keep_account()
        learner.load_state(self._checkpoints, state.segment)
        self._meter.episodes = list(state.episodes)
        self._reviews_held, self._fell_back_at = state.reviews, state.fell_back_at
        self._sources.teacher_calls = state.teacher_calls
        if self._logs_signals:
            fell_back = self._fell_back_at is not None
            self._signals = Signals(initial, {}, {}) if fell_back else kept_signals(self._checkpoints, knowledge)
        if self._fell_back_at is None:
            for place, method in enumerate(self.methods):
                branch = seeds.generator(self.spec.role, self.spec.seed, "method", state.segment, place)
                method.attach(learner, knowledge, branch)
        return learner

    def _start_anew(self, learner: Learner, reason: StartAnew) -> Learner:
        """Go on from scratch, without any method, with what is left of the budget."""
        learner.close()
        self._fell_back_at = self._meter.steps
        print(f"starts anew at step {self._fell_back_at}: {reason}", flush=True)
        fresh = self._learner(log=True, meter=self._meter)
        fresh.succeed(learner)
        if self._logs_signals:
            fresh.keep_account()
            self._signals = Signals(fresh.networks(), {}, {})
        return fresh

    def _train_segment(self, learner: Learner, state: Checkpoint, curve: Curve) -> None:
        def watch(charged: int, after: int) -> None:
            curve.measure_before(learner, charged + 1)
            self._review(learner, charged)
            curve.measure_before(learner, after)
            self._on_progress(Progress(charged, self._last_return))

        spec = self.spec
        # Before training resets its environments: running statistics count what they show then.
        curve.measure_before(learner, self._meter.steps + 1)
        learner.train(
            until=min((state.segment + 1) * spec.segment_steps, spec.budget_steps),
            horizon=spec.horizon_steps or spec.budget_steps,
            seed=seeds.integer(spec.role, spec.seed, "segment", state.segment, *self._life()),
            watch=watch,
            budget=spec.budget_steps,
        )

    def _review(self, learner: Learner, charged: int) -> None:
        if self._fell_back_at is None:
            episodes = self._meter.episodes
            self._reviews_held = self._reviews.hold(learner, episodes, charged, self._reviews_held)

    def _life(self) -> tuple[int, ...]:
        """What sets the seeds of a learner that has started anew apart from those before."""
        return () if self._fell_back_at is None else (1,)

    def _save(self, learner: Learner, state: Checkpoint, curve: Curve) -> Checkpoint:
        after = Checkpoint(
            segment=state.segment + 1,
            rows=tuple(curve.rows),
            events=tuple(sorted(file.name for file in self._events.iterdir())),
            wall_seconds=state.wall_seconds + self._lap(),
            episodes=tuple(self._meter.episodes),
            reviews=self._reviews_held,
            teacher_calls=self._sources.teacher_calls,
            fell_back_at=self._fell_back_at,
        )
        checkpoints.save(self._checkpoints, after, learner)
        return after

    def _lap(self) -> float:
        start, self._lap_start = self._lap_start, time.monotonic()
        return self._lap_start - start

    def _tell_point(self, learner: Learner, step: int, mean_return: float) -> None:
        if self._signals is not None:
            self._signals.record(learner, step)
        self._last_return = mean_return
        self._on_progress(Progress(step, mean_return))

    def _finish(self, learner: Learner, curve: Curve, state: Checkpoint) -> None:
        write_agent(self.folder, learner, as_source=self.spec.role == "source")
        retention_steps = self._write_retention(learner)
        self._write_results(learner, curve, state, retention_steps=retention_steps)
        self._write_status("completed", "", None)

    def _fail(self, error: Exception, learner: Learner, curve: Curve, state: Checkpoint) -> None:
        """End a run whose learner or environment failed: it keeps its curve up to there and is judged by it.

        A source leaves the agent of its last checkpoint, so that no run that needs one is dropped.
        """
        self._write_results(learner, curve, state)
        failed_at = self._meter.steps
        if self.spec.role == "source":
            last_good = self._learner(log=False)
            try:
                last_good.load_state(self._checkpoints, state.segment)
                write_agent(self.folder, last_good, as_source=True)
            finally:
                last_good.close()
        outcome = "diverged" if isinstance(error, DivergedError) else "environment_failed"
        self._write_status(outcome, str(error), failed_at)

    def _write_retention(self, learner: Learner) -> int:
        """Evaluate the finished agent on the source tasks, for what it still knows of them; returns the steps taken.

        The run is complete without it: where a source task fails, that is logged and no file is written.
        """
        return sum(self._retained(learner, task, file) for task, file in self._sources.retention_tasks())

    def _retained(self, learner: Learner, task: TaskConfig, file: str) -> int:
        try:
            episodes = play(self.spec, task, learner, len(self.spec.grid))
        except RLTransferError as error:
            print(f"no retention, the agent can't be evaluated on the source task {task.id}: {error}", flush=True)
            return 0
        write_csv(self.folder / file, ("episode", "return"), list(enumerate(episodes.return_E.tolist())))
        return episodes.steps

    def _write_results(self, learner: Learner, curve: Curve, state: Checkpoint, *, retention_steps: int = 0) -> None:
        curve.write(self.folder / "curve.csv")
        write_episodes(self.folder, self._meter.episodes)
        write_json(
            self.folder / "costs.json",
            {
                "target_steps": self._meter.steps,
                **self._sources.steps(),
                **self._reference_cost(),
                **self._sources.costs,
                "carried_transitions": learner.carried_transitions,
                "source_samples": learner.source_samples,
                "gradient_steps": learner.gradient_steps,
                **learner.counts,
                **({"teacher_calls": self._sources.teacher_calls} if self._sources.have_teachers else {}),
                "evaluation_steps": curve.evaluation_steps + retention_steps,
                "wall_seconds": round(state.wall_seconds + self._lap(), 3),
            },
        )

    def _reference_cost(self) -> dict[str, int]:
        """The steps of the runs that a method compared this one with, where one did."""
        steps = [read_json(folder / "costs.json")["target_steps"] for folder in self._references]
        return {"reference_steps": sum(steps)} if steps else {}

    def _write_status(self, outcome: str, message: str, failed_at: int | None) -> None:
        write_status(self.folder, outcome, message, failed_at=failed_at, fell_back_at=self._fell_back_at)
        shutil.rmtree(self._checkpoints, ignore_errors=True)
