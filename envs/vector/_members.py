"""What all NumPy-vectorised environments share: members, seeds, time limits and autoreset."""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_differing_spaces, batch_space
from numpy.typing import NDArray

from rl_transfer_envs._checks import whole
from rl_transfer_envs.vector._settings import single_environments
from rl_transfer_envs.vector._starts import Starts

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]
Observations = NDArray[np.float32]
Steps = tuple[Observations, Numbers, Flags, Flags, dict[str, Any]]


class MembersEnv(VectorEnv[Observations, NDArray[Any], NDArray[Any]]):
    """N members of one task, each with its own parameters, generator and time limit, stepped as arrays.

    Bit for bit what Gymnasium's `SyncVectorEnv` of the single environments gives: observations, rewards, flags, infos
    and the generators' states, in all three autoreset modes. Members may have spaces that differ in their bounds; the
    single spaces are then the first member's, as with `SyncVectorEnv(..., observation_mode="different")`.

    A subclass names the single environment and gives the dynamics; states are arrays of shape (width, N).
    """

    _single: ClassVar[type[gymnasium.Env[Any, Any]]]
    # Numbers in a state, and numbers drawn for a start.
    _width: ClassVar[int]
    _drawn: ClassVar[int]
    # Keywords whose one value is a sequence of numbers.
    _sequences: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        num_envs: int = 1,
        *,
        max_episode_steps: int | Sequence[int] | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        **settings: Any,
    ) -> None:
        """Builds the members.

        Args:
            num_envs: Number of members, at least 1.
            max_episode_steps: Steps after which an episode is truncated, at least 1; one number, or one for each
                member. None for no limit. (`gymnasium.make_vec` gives the id's.)
            autoreset_mode: Gymnasium's: on the next step, on the same step or disabled.
            settings: The keywords of the single environment but `render_mode`: one value, or a list, tuple or array
                with one value for each member.

        Raises:
            TypeError: The single environment does not take a keyword.
            ValueError: A setting is out of its range, or has another number of values than there are members.
        """
        self.num_envs = whole("num_envs", num_envs, least=1)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        if settings.pop("render_mode", None) is not None:
            raise ValueError("render_mode must be None: a vectorised environment draws nothing, the single one does")
        self._singles = single_environments(self._single, self.num_envs, settings, self._sequences)
        self.metadata = {"render_modes": [], "autoreset_mode": self.autoreset_mode}
        self._limit_N = _limits(max_episode_steps, self.num_envs)
        self._batch_spaces()
        self._starts = Starts(self.num_envs, self._drawn, self._draw_starts)
        self._state = np.zeros((self._width, self.num_envs))
        self._observation = np.zeros(self.observation_space.shape or (), np.float32)
        self._elapsed_N = np.zeros(self.num_envs, np.int64)
        self._over_N = np.zeros(self.num_envs, np.bool_)
        self._left_N = np.zeros(self.num_envs, np.bool_)
        # Those that the step under way does not move: their episode was over before.
        self._idle_M = np.flatnonzero(self._over_N)
        self._unstarted_N: Flags | None = np.ones(self.num_envs, np.bool_)
        self._read_parameters()

    @abstractmethod
    def _read_parameters(self) -> None:
        """Take what the dynamics need from the single environments; see `_column`."""

    @abstractmethod
    def _draw_starts(self, generator: np.random.Generator, member: int, count: int) -> Numbers:
        """Draw the next start states of a member, shape (count, drawn), without `reset` options."""

    @abstractmethod
    def _dynamics(self, state: Numbers, action_N: NDArray[Any]) -> tuple[Numbers, Numbers, Flags]:
        """The next states (a new array), rewards and terminations; what becomes of `_idle_M` is ignored."""

    @abstractmethod
    def _observe(self, state: Numbers) -> Observations:
        """Observations of states of shape (width, M), shape (M, features)."""

    def _start_states(self, drawn_MW: Numbers) -> Numbers:
        """States of shape (width, M) from the numbers drawn for them."""
        return drawn_MW.T

    def _observe_starts(self, state: Numbers) -> Observations:
        """As `_observe`, at the start of an episode."""
        return self._observe(state)

    def _column(self, attribute: str) -> Any:
        """An attribute of the single environments, one value for each member."""
        return np.array([getattr(single, attribute) for single in self._singles])

    def _computed(self, formula: Callable[[Any], float]) -> Numbers:
        """A number computed from each single environment as itself computes it: in Python's floats."""
        return np.array([formula(single) for single in self._singles])

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The members' generators, as `SyncVectorEnv` gives them."""
        return tuple(self._starts.generator(member) for member in range(self.num_envs))

    @property
    def np_random_seed(self) -> tuple[int | None, ...]:  # type: ignore[override]
        """What the members' generators were seeded with."""
        return tuple(self._starts.seed_of(member) for member in range(self.num_envs))

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Starts an episode in every member.

        Args:
            seed: A number seeds member i with `seed + i`; a list has one seed, or None, for each member.
            options: The single environment's, for all members; and `reset_mask`, a boolean array: reset these only.

        Returns:
            Observations, shape (N, features), and an empty dict.

        Raises:
            ValueError: The number of seeds, or the shape of the mask, is not that of the members.
            TypeError: The mask is no boolean array.
        """
        seed_N = _one_each(seed, self.num_envs)
        options = dict(options or {})
        masked = "reset_mask" in options
        mask = _mask(options.pop("reset_mask"), self.num_envs) if masked else np.ones(self.num_envs, np.bool_)
        member_M = np.flatnonzero(mask)
        for member in member_M.tolist():
            self._starts.seed(member, seed_N[member])
        if options:
            self._start_with(member_M, options)
        else:
            self._start(member_M)
        self._over_N[member_M] = self._left_N[member_M] = False
        if self._unstarted_N is not None:
            self._unstarted_N[member_M] = False
            if not self._unstarted_N.any():
                self._unstarted_N = None
        return self._observation.copy(), {}

    def step(self, actions: NDArray[Any]) -> Steps:
        """Takes a step in every member; one whose episode is over is reset as the autoreset mode says.

        Args:
            actions: One action for each member.

        Returns:
            Observations of shape (N, features), rewards, terminations and truncations of shape (N,), infos.

        Raises:
            AssertionError: An action is not in the action space, or an episode is over and autoreset disabled.
            ResetNeeded: A member was never reset.
        """
        action_N = self._usable(actions)
        if self._unstarted_N is not None:
            raise ResetNeeded("Cannot call env.step() before calling env.reset()")
        self._idle_M = np.flatnonzero(self._over_N)
        if self._idle_M.size and self.autoreset_mode is AutoresetMode.DISABLED:
            raise AssertionError(f"the episodes of members {self._idle_M.tolist()} are over: reset them by reset_mask")
        reward_N, terminated_N = self._move(action_N)
        self._elapsed_N += 1
        truncated_N = self._elapsed_N >= self._limit_N
        self._observation = self._observe(self._state)
        if self._idle_M.size:
            reward_N[self._idle_M] = 0.0
            terminated_N[self._idle_M] = truncated_N[self._idle_M] = False
            self._start(self._idle_M[~self._left_N[self._idle_M]])
        self._over_N = terminated_N | truncated_N | self._left_N
        infos: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._over_N.any():
            infos = self._final(self._over_N)
            self._start(np.flatnonzero(self._over_N))
            self._over_N = np.zeros_like(self._over_N)
        return self._observation.copy(), reward_N, terminated_N, truncated_N, infos

    def leave(self, member_M: NDArray[np.intp]) -> None:
        """Let members whose episode is over rest until `reset`, where the next step would have reset them.

        They take any action, stay as they are, and get the reward 0.

        Args:
            member_M: Their places.

        Raises:
            ValueError: The episode of one goes on.
        """
        if not self._over_N[member_M].all():
            raise ValueError(f"not all of members {member_M.tolist()} have ended their episodes")
        self._left_N[member_M] = True

    def _move(self, action_N: NDArray[Any]) -> tuple[Numbers, Flags]:
        before = self._state
        self._state, reward_N, terminated_N = self._dynamics(before, action_N)
        if self._idle_M.size:
            self._state[:, self._idle_M] = before[:, self._idle_M]
        return reward_N, terminated_N

    def _start(self, member_M: NDArray[np.intp]) -> None:
        state = self._start_states(self._starts.take(member_M))
        self._state[:, member_M] = state
        self._observation[member_M] = self._observe_starts(state)
        self._elapsed_N[member_M] = 0

    def _start_with(self, member_M: NDArray[np.intp], options: dict[str, Any]) -> None:
        """Through the single environments, which know their options."""
        for member in member_M.tolist():
            single: Any = self._singles[member]
            single.np_random = self._starts.lend(member)
            self._observation[member], _ = single.reset(options=options)
            self._state[:, member] = single.state
        self._elapsed_N[member_M] = 0

    def _final(self, over_N: Flags) -> dict[str, Any]:
        final_obs = np.full(self.num_envs, None, dtype=object)
        for member in np.flatnonzero(over_N).tolist():
            final_obs[member] = self._observation[member].copy()
        return {"final_obs": final_obs, "_final_obs": over_N.copy(), "final_info": {}, "_final_info": over_N.copy()}

    def _usable(self, actions: Any) -> NDArray[Any]:
        """The actions as an array.

        Raises:
            AssertionError: One is not in the action space.
        """
        action_N = np.asarray(actions)
        assert isinstance(self.single_action_space, spaces.Discrete)
        if action_N.shape != (self.num_envs,) or action_N.dtype.kind not in "iu":
            raise AssertionError(f"actions must be {self.num_envs} whole numbers, got {actions!r}")
        action_N = action_N.astype(np.int64, copy=False)
        if action_N.min() < 0 or action_N.max() >= self.single_action_space.n:
            raise AssertionError(f"actions must be from 0 to {self.single_action_space.n - 1}, got {actions!r}")
        return action_N

    def _batch_spaces(self) -> None:
        for kind in ("observation_space", "action_space"):
            own = [getattr(single, kind) for single in self._singles]
            same = all(space is own[0] or space == own[0] for space in own)
            if not same and isinstance(own[0], spaces.Discrete):
                raise ValueError("all members must have the same number of actions")
            setattr(self, f"single_{kind}", own[0])
            # Of copies: batching gives the spaces it reads a generator of their own.
            batched = batch_space(deepcopy(own[0]), self.num_envs) if same else batch_differing_spaces(deepcopy(own))
            setattr(self, kind, batched)


def _one_each(seed: int | Sequence[int | None] | None, members: int) -> Sequence[int | None]:
    if seed is None:
        return [None] * members
    if isinstance(seed, int):
        return [seed + member for member in range(members)]
    if len(seed) != members:
        raise ValueError(f"seed must be a number or one for each of the {members} members, got {len(seed)}")
    return seed


def _mask(mask: Any, members: int) -> Flags:
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        raise TypeError(f"options['reset_mask'] must be a NumPy array of booleans, got {mask!r}")
    if mask.shape != (members,) or not mask.any():
        raise ValueError(f"options['reset_mask'] must have shape ({members},) and one true at least, got {mask!r}")
    return mask


def _limits(max_episode_steps: int | Sequence[int] | None, members: int) -> Numbers:
    """Infinite where there is none."""
    given: Any = max_episode_steps
    if given is None:
        return np.full(members, math.inf)
    if not isinstance(given, list | tuple | np.ndarray):
        return np.full(members, float(whole("max_episode_steps", given, least=1)))
    if len(given) != members:
        raise ValueError(f"max_episode_steps must be one number or one for each of the {members} members, got {given}")
    return np.array([math.inf if one is None else whole("max_episode_steps", one, least=1) for one in given])
