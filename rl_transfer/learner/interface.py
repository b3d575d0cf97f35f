"""What methods and runs may ask of a learner, whatever its algorithm and engine."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rl_transfer.knowledge import Distribution, Networks, Transitions
from rl_transfer.learner.losses import Loss
from rl_transfer.learner.recent import Recent
from rl_transfer.learner.recipient import Recipient
from rl_transfer.learner.seams import Guide, Reshape
from rl_transfer.tasks import Meter

EnvFactory = Callable[[], gymnasium.Env[Any, Any]]
Watch = Callable[[int, int], None]
Among = Callable[[int], NDArray[np.intp] | None]


class Learner(Recipient):
    """One agent that learns one task.

    Everything that methods do to it before training (loading, adding transitions) is part of its state and survives a
    checkpoint; what changes how it trains (freezing, rates, exploration) is set again in every segment.
    """

    meter: Meter

    @abstractmethod
    def experience(self, newest: int | None = None) -> Transitions | None:
        """The transitions in its replay buffer; None for an algorithm without one.

        Args:
            newest: So many of the newest at most, a whole number of rows of one per environment; None for all.
        """

    @abstractmethod
    def add_experience(self, transitions: Transitions) -> int:
        """Put transitions into the replay buffer, oldest first.

        Returns:
            How many fitted: the buffer takes whole rows of one transition per environment.

        Raises:
            ConfigError: If the algorithm has no replay buffer, or the transitions have other shapes.
        """

    @property
    @abstractmethod
    def experience_room(self) -> int:
        """How many transitions its replay buffer can hold; 0 for an algorithm without one."""

    @abstractmethod
    def relabelled(self, transitions: Transitions) -> Transitions:
        """The same transitions with the rewards and terminations that its own task gives them; no step is taken.

        Raises:
            ConfigError: If the task can't tell them, if the transitions have other shapes, or the algorithm has no
                replay buffer.
        """

    @abstractmethod
    def mix_experience(
        self,
        transitions: Transitions,
        share: Callable[[int], float],
        generator: np.random.Generator,
        among: Among | None = None,
    ) -> int | None:
        """Let a share of every minibatch come from these transitions, which stay beside the replay buffer for ever.

        Over any number of minibatches the share is kept to within half a sample, whatever their size: what rounding
        adds or leaves out is carried over to the next minibatch, as part of the learner's state. Shares of several
        calls add up.

        Args:
            transitions: What to draw from, each with the same probability; none changes nothing.
            share: The share by charged steps, from 0 to 1.
            generator: What draws them; the rest of a minibatch is drawn as without them.
            among: By charged steps the places of those that are drawn from, or None for all; asked for each minibatch
                that has some of them.

        Returns:
            The number by which a loss's minibatches tell where a sample comes from; None for no transitions.

        Raises:
            ConfigError: If the algorithm has no replay buffer, or the transitions have other shapes.
        """

    @abstractmethod
    def pretrain(
        self,
        transitions: Transitions,
        gradient_steps: int,
        generator: np.random.Generator,
        losses: Sequence[Loss] = (),
        *,
        keep_entropy: bool = False,
    ) -> None:
        """Make the algorithm's own updates on these transitions, before the first step.

        Minibatches are as large as ever, and learning rates as at the start. Optimizers and all that counts or follows
        from counts (schedules, exploration) are afterwards as before: what is learned is part of the learner's state.
        The updates are counted as ``offline_gradient_steps``, not among ``gradient_steps``.

        Args:
            transitions: What to draw minibatches from, each with the same probability; none changes nothing.
            gradient_steps: How many updates; 0 changes nothing.
            generator: Where all randomness comes from; training's is as before.
            losses: Losses beside the algorithm's own, for these updates alone.
            keep_entropy: Whether an entropy coefficient stays as these updates leave it, and is not as before.

        Raises:
            ConfigError: If the algorithm has no replay buffer, if the transitions have other shapes, or as for
                :meth:`add_loss`.
            DivergedError: If parameters or the networks' outputs stop being finite.
        """

    @abstractmethod
    def add_loss(self, loss: Loss) -> None:
        """Add a loss on the minibatch of each optimizer step from now on.

        The minibatches are those of the algorithm's own losses, drawn as without it. Its gradient joins the algorithm's
        just before the step, and is clipped together with it where the algorithm clips.

        Raises:
            ConfigError: If the algorithm has no network that the loss is about, or trains it through no optimizer.
        """

    @abstractmethod
    def act(self, observations: Any, *, deterministic: bool) -> NDArray[Any]:
        """Actions for a batch of observations.

        Args:
            observations: B x observation shape.
            deterministic: The mode of the policy, or a sample.

        Raises:
            DivergedError: If the networks' outputs are not finite.
        """

    @abstractmethod
    def features_of(self, observations: Any) -> NDArray[np.float64]:
        """What the last hidden layer of the policy says, of a value learner that of its Q-network; B x units.

        Args:
            observations: B x observation shape.

        Raises:
            DivergedError: If the networks' outputs are not finite.
        """

    @abstractmethod
    def values_of(self, observations: Any) -> NDArray[np.float64]:
        """The expected discounted return from each of B observations, in the rewards that it learned from.

        V of an actor-critic; the largest Q of a value learner; where the policy has a Q, the smallest of the critics'
        at the deterministic policy's action.

        Args:
            observations: B x observation shape.

        Raises:
            DivergedError: If the networks' outputs are not finite.
        """

    @abstractmethod
    def distribution_of(self, observations: Any, *, temperature: float = 1.0) -> Distribution:
        """What its policy says of B observations, before anything is drawn; in units of the bounds of its actions.

        Args:
            observations: B x observation shape.
            temperature: What a value learner's Q is divided by; their softmax stands for its policy.

        Raises:
            DivergedError: If the networks' outputs are not finite.
        """

    @abstractmethod
    def fisher(self, observations: Any, generator: np.random.Generator, *, temperature: float = 1.0) -> Networks:
        """The diagonal of its parameters' Fisher information, as a mean over observations.

        Of a policy: the squared gradient of the log-probability of an action drawn from it, a deterministic one taken
        as the mean of a Gaussian of variance 1. Of an actor-critic's values: as means of such Gaussians, so their
        squared gradients. What both depend on has the sum. A value learner's policy is the softmax of its values.

        Args:
            observations: B x observation shape, as environments give them or as experience holds them.
            generator: What draws the actions.
            temperature: What a value learner's values are divided by before the softmax.
        """

    @abstractmethod
    def guide(self, guide: Guide) -> None:
        """Let a guide take some of the steps of training episodes from now on; one at a time.

        Its transitions are stored where there is a replay buffer, and it acts where it wants to. Without one it only
        begins episodes: it acts until it does not want to, and the learner sees what comes after. All its steps are
        charged, and counted as ``guide_steps``; where it begins episodes, the learner's own steps in a rollout that the
        end of the budget cuts short are counted as ``discarded_steps``.
        """

    @abstractmethod
    def reshape_rewards(self, reshape: Reshape) -> None:
        """Learn from other rewards than the task's from now on; what is charged and evaluated stays the task's.

        Args:
            reshape: Gets the steps of all training environments and gives their rewards, before any normalisation.
        """

    @property
    @abstractmethod
    def discount(self) -> float:
        """The factor by which a reward one step later counts less."""

    @property
    @abstractmethod
    def progress(self) -> float:
        """The share of the whole budget that is charged, from 0 to 1, while it trains."""

    @abstractmethod
    def isolated(self, seed: int) -> AbstractContextManager[None]:
        """A context in which everything random is seeded anew, and after which training's randomness is as before."""

    @abstractmethod
    def train(self, *, until: int, horizon: int, seed: int, watch: Watch, budget: int | None = None) -> None:
        """Train until the meter shows this many steps, with randomness seeded anew.

        Args:
            until: Charged steps at which to stop; a rollout that would cross it is not used.
            horizon: The whole budget, which schedules follow.
            seed: Seed of everything random from here on.
            watch: Called before every rollout with the charged steps now and after that rollout; once more before the
                update where the rollout took more steps than that.
            budget: Where rollouts don't fill the steps up to ``until``, and where nobody knows how many they take since
                a guide begins episodes, the last one may cross ``until``, but no step is taken beyond this.

        Raises:
            EnvironmentFailedError: If the environment fails.
            DivergedError: If parameters or the networks' outputs stop being finite.
        """

    @abstractmethod
    def succeed(self, earlier: "Learner") -> None:
        """Begin, fresh as it is, where another learner has stopped: with its charged steps and its costs.

        Schedules run over what is left of the budget, and so does what training begins with (random actions, say).
        """

    @abstractmethod
    def refuse_divergence(self) -> None:
        """Look whether every parameter is a finite number.

        Raises:
            DivergedError: If one is not.
        """

    @abstractmethod
    def save_state(self, folder: Path, segment: int) -> None:
        """Write all that training needs to go on, given what earlier segments wrote to the folder."""

    @abstractmethod
    def load_state(self, folder: Path, segment: int) -> None:
        """Read back what :meth:`save_state` wrote."""

    @abstractmethod
    def save_agent(self, folder: Path) -> None:
        """Write the agent in its library's own format, for that library's users."""

    @abstractmethod
    def notes(self, about: str) -> dict[str, float]:
        """Numbers that a method keeps from segment to segment: the same dictionary at every call, empty at first.

        Part of the learner's state: what is in it at a checkpoint is there again when training goes on.

        Args:
            about: Whose they are.
        """

    @abstractmethod
    def count(self, name: str, number: int = 1) -> None:
        """Add to one of :attr:`counts`."""

    @abstractmethod
    def record(self, tag: str, value: float, step: int) -> None:
        """Add a number to its TensorBoard log, where it has one."""

    @abstractmethod
    def keep_account(self) -> None:
        """Keep account from now on of what :meth:`recent` tells; training stays as it is.

        The account is part of the learner's state, if it is kept from before :meth:`load_state` on.
        """

    @abstractmethod
    def recent(self) -> Recent | None:
        """What training was like since the last call; None where no account is kept."""

    @property
    @abstractmethod
    def carried_transitions(self) -> int:
        """Transitions that were put into its replay buffer, or lie beside it."""

    @property
    @abstractmethod
    def source_samples(self) -> int:
        """Samples of its minibatches so far that came from transitions beside the replay buffer."""

    @property
    @abstractmethod
    def counts(self) -> Mapping[str, int]:
        """What else training has cost, by name; only what some method makes it cost."""

    @property
    @abstractmethod
    def gradient_steps(self) -> int:
        """Minibatch updates so far."""

    @abstractmethod
    def close(self) -> None:
        """Close its environments and log files."""
