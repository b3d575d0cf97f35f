"""One Stable-Baselines3 model as a learner: training in exact segments, checkpoints, isolated acting."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from rl_transfer.errors import ConfigError, DivergedError, RLTransferError
from rl_transfer.knowledge import Networks, Transitions
from rl_transfer.learner.interface import Among, EnvFactory, Learner, Watch
from rl_transfer.learner.losses import Loss
from rl_transfer.learner.recent import Recent
from rl_transfer.learner.sb3 import networks, normalization, optimizer_state, replay
from rl_transfer.learner.sb3.between import Between, led_in, let_act
from rl_transfer.learner.sb3.build import build_model
from rl_transfer.learner.sb3.conductor import Conductor, SegmentEnd
from rl_transfer.learner.sb3.events import Events
from rl_transfer.learner.sb3.fisher import fisher_diagonal
from rl_transfer.learner.sb3.minibatches import Rollouts, see_samples
from rl_transfer.learner.sb3.mixing import Mixing, Share
from rl_transfer.learner.sb3.pretraining import train_on
from rl_transfer.learner.sb3.randomness import isolated
from rl_transfer.learner.sb3.recipient import SB3Recipient
from rl_transfer.learner.sb3.relabelling import relabel
from rl_transfer.learner.sb3.saving import load_model_state, model_state, read_state, write_agent, write_state
from rl_transfer.learner.sb3.side_by_side import training_environments
from rl_transfer.learner.sb3.signals import Account, Costs
from rl_transfer.learner.seams import Guide, Reshape
from rl_transfer.study import LearnerConfig
from rl_transfer.tasks import LimitReachedError, Meter, task_outcomes

_LOG_POINTS = 50


class SB3Learner(SB3Recipient, Learner):
    """A Stable-Baselines3 model behind the learner interface.

    Args:
        config: Algorithm, architecture and hyperparameters.
        environments: One factory for each training environment.
        meter: Counts the environments' steps.
        seed: Seed of the initial networks.
        device: Torch device.
        log_folder: Folder for TensorBoard events; None for none.
    """

    def __init__(
        self,
        config: LearnerConfig,
        environments: Sequence[EnvFactory],
        meter: Meter,
        *,
        seed: int,
        device: str = "cpu",
        log_folder: Path | None = None,
    ) -> None:
        self.meter = meter
        self._config = config
        self._environments = environments
        self._between = Between(training_environments(environments))
        normalizer = normalization.normalizer(self._between, config)
        self._env: VecEnv = self._between if normalizer is None else normalizer
        super().__init__(build_model(config, self._env, seed=seed, device=device), normalizer)
        self._log = None if log_folder is None else Events(str(log_folder))
        self._model.set_logger(Logger(None, [] if self._log is None else [self._log]))
        optimizer_state.main_optimizer(self._model).register_step_post_hook(self._count_gradient_step)
        networks.watch_outputs(self._model, self._refuse_output)
        own = self._replay
        self._mixing = None if own is None else Mixing(own, lambda: meter.steps)
        self._account: Account | None = None
        self._gradient_steps = 0
        self._counts: Counter[str] = Counter()
        self._notes: dict[str, dict[str, float]] = {}
        self._is_led_in = False
        self._horizon: int | None = None
        self._carried_transitions = 0
        self._rows_added = 0
        self._rows_saved = 0
        self._first_step = 0
        self._first_replay: int | None = None

    @property
    def carried_transitions(self) -> int:
        """Transitions put into the replay buffer, or beside it."""
        return self._carried_transitions + (0 if self._mixing is None else self._mixing.transitions)

    @property
    def source_samples(self) -> int:
        """Samples of minibatches that came from transitions beside the replay buffer."""
        return 0 if self._mixing is None else self._mixing.drawn

    def keep_account(self) -> None:
        """Keep account of training from now on."""
        self._account = Account(self._model, self._between, self.discount, self._costs)

    def recent(self) -> Recent | None:
        """What training was like since the last call."""
        return None if self._account is None else self._account.take()

    def _costs(self) -> Costs:
        held = 0 if self._replay is None else self._replay.size()
        own = self.count_from_start() // self._env.num_envs
        carried_share = max(held - own, 0) / held if held else 0.0
        guide_steps, has_source = self._counts.get("guide_steps"), self.carried_transitions > 0
        return Costs(self.meter.steps, guide_steps, has_source, self.source_samples, carried_share)

    @property
    def gradient_steps(self) -> int:
        """Minibatch updates so far."""
        return self._gradient_steps

    @property
    def counts(self) -> Mapping[str, int]:
        """What else training has cost."""
        return self._counts

    @property
    def discount(self) -> float:
        """The factor by which a reward one step later counts less."""
        return self._config.gamma

    @property
    def progress(self) -> float:
        """The share of the whole budget that is charged."""
        return 0.0 if self._horizon is None else min(self.meter.steps / self._horizon, 1.0)

    def _count_gradient_step(self, *_: object) -> None:
        self._gradient_steps += 1

    @property
    def _replay(self) -> ReplayBuffer | None:
        return getattr(self._model, "replay_buffer", None)

    def experience(self, newest: int | None = None) -> Transitions | None:
        """The transitions in the replay buffer; None without one."""
        return None if self._replay is None else replay.read_transitions(self._replay, newest)

    def add_experience(self, transitions: Transitions) -> int:
        """Put transitions into the replay buffer."""
        if self._replay is None:
            raise ConfigError(f"{self.algorithm} has no replay buffer to put experience into")
        rows = replay.add_transitions(self._replay, transitions)
        self._rows_added += rows
        kept = min(rows, self._replay.buffer_size) * self._replay.n_envs
        self._carried_transitions += kept
        return kept

    @property
    def experience_room(self) -> int:
        """How many transitions the replay buffer can hold."""
        return 0 if self._replay is None else self._replay.buffer_size * self._replay.n_envs

    def relabelled(self, transitions: Transitions) -> Transitions:
        """The same transitions with the rewards and terminations of the learner's own task."""
        if self._replay is None:
            raise ConfigError(f"{self.algorithm} has no replay buffer, so transitions are nothing to it")
        replay.refuse_unsuitable(self._replay, transitions)
        env = self._environments[0]()
        try:
            return relabel(transitions, task_outcomes(env), env.observation_space, env.action_space)
        finally:
            env.close()

    def mix_experience(
        self, transitions: Transitions, share: Share, generator: np.random.Generator, among: Among | None = None
    ) -> int | None:
        """Let a share of every minibatch come from transitions beside the replay buffer."""
        if self._mixing is None:
            raise ConfigError(f"{self.algorithm} has no replay buffer to mix experience with")
        return self._mixing.add(transitions, share, generator, among) if len(transitions) else None

    def add_loss(self, loss: Loss) -> None:
        """Add a loss on the minibatch of each optimizer step."""
        self._losses.add(loss)
        if self._mixing is None:
            Rollouts(self._model, self._between, self._losses.see)
        else:
            self._mixing.watch(partial(see_samples, self._between.observation_space, self._losses.see))

    def pretrain(
        self,
        transitions: Transitions,
        gradient_steps: int,
        generator: np.random.Generator,
        losses: Sequence[Loss] = (),
        *,
        keep_entropy: bool = False,
    ) -> None:
        """Make the algorithm's own updates on transitions, before the first step."""
        if not isinstance(self._model, OffPolicyAlgorithm) or self._replay is None:
            raise ConfigError(f"{self.algorithm} has no replay buffer, so its updates can't be made on experience")
        if not gradient_steps or not len(transitions):
            return
        buffer, before = replay.fixed_buffer(self._replay, transitions), self._gradient_steps
        if losses:
            observed = Mixing(buffer, lambda: 0)
            observed.watch(partial(see_samples, self._between.observation_space, self._losses.see))
        seed, entropy = int(generator.integers(2**31)), networks.extra_variables(self._model)
        try:
            with self._losses.with_others(losses), self._divergence_named(), self.isolated(seed):
                train_on(self._model, buffer, gradient_steps)
        finally:
            self._counts["offline_gradient_steps"] += self._gradient_steps - before
            self._gradient_steps = before
            if not keep_entropy:
                networks.load_extra_variables(self._model, entropy)

    def act(self, observations: Any, *, deterministic: bool) -> NDArray[Any]:
        """Actions for a batch of observations."""
        if self._normalizer is not None:
            observations = self._normalizer.normalize_obs(observations)
        actions, _ = self._model.predict(observations, deterministic=deterministic)
        return actions

    def fisher(self, observations: Any, generator: np.random.Generator, *, temperature: float = 1.0) -> Networks:
        """The diagonal of the parameters' Fisher information."""
        with self.isolated(int(generator.integers(2**31))):
            return fisher_diagonal(self._model, self._normalized(observations), temperature=temperature)

    def guide(self, guide: Guide) -> None:
        """Let a guide take some of the steps of training episodes."""

        def count(steps: int) -> None:
            self._counts["guide_steps"] += steps

        count(0)
        if isinstance(self._model, OffPolicyAlgorithm):
            self._between.tell(guide)
            let_act(self._model, self._between, guide, count)
        else:
            self._counts["discarded_steps"] += 0
            self._is_led_in = True
            self._between.replace(led_in(self._environments, guide, count))

    def reshape_rewards(self, reshape: Reshape) -> None:
        """Learn from other rewards than the task's."""
        self._between.reshape(reshape)

    def isolated(self, seed: int) -> AbstractContextManager[None]:
        """Seed everything random for a while, and put it back as it was."""
        return isolated(self._model.action_space, seed)

    def train(self, *, until: int, horizon: int, seed: int, watch: Watch, budget: int | None = None) -> None:
        """Train to ``until`` charged steps."""
        if self.meter.steps >= until:
            return
        self._model.set_random_seed(seed)
        # The library seeds the first environment and the action sampler alike: random actions would follow its draws.
        self._model.action_space.seed(int(np.random.SeedSequence([seed, 1]).generate_state(1)[0]))
        self._horizon, self.meter.limit = horizon, self._limit(until, budget)
        most = until if self.meter.limit is None else self.meter.limit
        conductor = Conductor(self, until, most, watch, self._config.rollout_steps, lambda: self._led_in_steps)
        rollouts = -(-(until - self.meter.steps) // self._config.rollout_steps)
        on_policy = self._replay is None
        with self._divergence_named():
            try:
                self._model.learn(
                    horizon - self._first_step - self._model.num_timesteps,
                    callback=conductor,
                    log_interval=max(rollouts // _LOG_POINTS, 1) if on_policy else 4,
                    reset_num_timesteps=False,
                )
            except SegmentEnd:
                pass
            except LimitReachedError:
                self._counts["discarded_steps"] += conductor.unused_steps

    @contextmanager
    def _divergence_named(self) -> Iterator[None]:
        """Updates, after which every parameter must be finite; whatever fails where one is not, failed for that."""
        try:
            yield
        except RLTransferError:
            raise
        except Exception:
            self.refuse_divergence()
            raise
        self.refuse_divergence()

    def _limit(self, until: int, budget: int | None) -> int | None:
        """The step that no environment may go beyond; None where rollouts end at ``until`` by themselves."""
        aligned = (until - self.meter.steps) % self._config.rollout_steps == 0
        if not self._is_led_in and (aligned or budget is None):
            return None
        if not self._is_led_in:
            # Single ones can stop anywhere, members side by side only together.
            self._between.replace(training_environments(list(self._environments)))
        return until if budget is None else budget

    @property
    def _led_in_steps(self) -> int:
        return self._counts["guide_steps"] if self._is_led_in else 0

    def succeed(self, earlier: Learner) -> None:
        """Begin where another learner has stopped."""
        self.meter.steps = earlier.meter.steps
        self._begin_at(earlier.meter.steps)
        self._gradient_steps = earlier.gradient_steps
        self._counts = Counter(earlier.counts)
        self._carried_transitions = earlier.carried_transitions
        if self._mixing is not None:
            self._mixing.drawn = earlier.source_samples

    def _begin_at(self, charged: int) -> None:
        """Let the library, which counts from 0, run its schedules and its log from a charged step on."""
        self._first_step = charged
        if self._log is not None:
            self._log.first_step = charged

    def count_from_start(self) -> int:
        """Charged steps since this learner began: what the library counts."""
        return self.meter.steps - self._first_step

    def refuse_divergence(self) -> None:
        """Raise DivergedError if a parameter is not finite."""
        if not networks.is_finite(self._model):
            raise DivergedError(f"parameters are no longer finite at step {self.meter.steps}")

    def _refuse_output(self) -> None:
        raise DivergedError(f"the networks' outputs are no longer finite at step {self.meter.steps}")

    def count_vector_step(self) -> None:
        """Count one row of transitions, which the library adds to the replay buffer after every vector step."""
        self._rows_added += 1

    def save_state(self, folder: Path, segment: int) -> None:
        """Write parameters, optimizers, counters, and the replay rows added since the last save."""
        added = self._rows_added - self._rows_saved
        if self._replay is not None:
            if added:
                replay.mark_end_truncated(self._replay)
            replay.save_rows(self._replay, folder / f"replay-{segment:04d}.npz", before=self._rows_saved, added=added)
        if self._first_replay is None:
            self._first_replay = segment
        state = {
            **model_state(self._model, self._normalizer),
            "charged_steps": self.meter.steps,
            "first_step": self._first_step,
            "first_replay": self._first_replay,
            "gradient_steps": self._gradient_steps,
            "counts": dict(self._counts),
            "notes": self._notes,
            "carried_transitions": self._carried_transitions,
            "mixing": None if self._mixing is None else self._mixing.state(),
            "keeps_exploration": self._keeps_exploration,
            "rows_added": self._rows_added,
            "account": None if self._account is None else self._account.state(),
        }
        write_state(folder / f"learner-{segment:04d}.pt", state)
        self._rows_saved = self._rows_added

    def load_state(self, folder: Path, segment: int) -> None:
        """Read back parameters, optimizers, counters and every segment's replay rows."""
        state = read_state(folder / f"learner-{segment:04d}.pt")
        if self._replay is not None:
            for earlier in range(state["first_replay"], segment + 1):
                replay.load_rows(self._replay, folder / f"replay-{earlier:04d}.npz")
        load_model_state(self._model, self._normalizer, state)
        if state["keeps_exploration"]:
            self.keep_exploration()
        self.meter.steps, self._first_replay = state["charged_steps"], state["first_replay"]
        self._begin_at(state["first_step"])
        self._gradient_steps = state["gradient_steps"]
        self._counts = Counter(state["counts"])
        self._notes = state["notes"]
        self._carried_transitions = state["carried_transitions"]
        if self._mixing is not None:
            self._mixing.load_state(state["mixing"])
        self._rows_added = self._rows_saved = state["rows_added"]
        if self._account is not None and state["account"] is not None:
            self._account.load_state(state["account"])

    def save_agent(self, folder: Path) -> None:
        """Write it for the library's own ``load``, with ``agent.json``, which says what that needs."""
        write_agent(folder, self._model, self._env, self._config)

    def notes(self, about: str) -> dict[str, float]:
        """Numbers that a method keeps from segment to segment."""
        return self._notes.setdefault(about, {})

    def count(self, name: str, number: int = 1) -> None:
        """Add to one of the counts."""
        self._counts[name] += number

    def record(self, tag: str, value: float, step: int) -> None:
        """Add a number to the TensorBoard log."""
        if self._log is not None:
            self._log.writer.add_scalar(tag, value, step)

    def close(self) -> None:
        """Close the environments and the log."""
        self._env.close()
        self._model.logger.close()
