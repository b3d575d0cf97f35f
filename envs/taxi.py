"""The taxi on a grid of any size, with walls, depots and rewards as settings."""

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.envs.toy_text.taxi import TaxiEnv
from numpy.typing import NDArray

from rl_transfer_envs._checks import choice, flag, number, whole

OBSERVATIONS = ("state", "factored")
LARGEST_SIZE = 10

Cell = tuple[int, int]


class Taxi(TaxiEnv):
    """Fetch a passenger from one of four depots and deliver it at another.

    The task of Dietterich, "Hierarchical reinforcement learning with the MAXQ value function decomposition" (2000), in
    Gymnasium's implementation. Every default is the value fixed in Gymnasium's `Taxi-v4`, and with the defaults the two
    give the same trajectories.

    Actions: south, north, east, west, pick up, drop off. Observation: the number of the state,
    `((row * size + column) * 5 + passenger) * 4 + destination`, where passenger is a depot or 4 (on board); or with
    `observation="factored"` these four numbers as a MultiDiscrete, which a smaller grid's can be mapped to.

    Other sizes have Gymnasium's layout in small or large: the depots in three corners and beside the fourth, a wall
    from the top edge and two from the bottom edge.
    """

    # The number of rows and columns that Gymnasium's own tables, which its constructor builds first, are made for.
    _size = 5

    def __init__(
        self,
        *,
        size: int = 5,
        walls: list[list[int]] | None = None,
        depots: list[list[int]] | None = None,
        step_reward: float = -1.0,
        delivery_reward: float = 20.0,
        illegal_reward: float = -10.0,
        is_rainy: bool = False,
        rainy_probability: float = 0.8,
        fickle_passenger: bool = False,
        fickle_probability: float = 0.3,
        observation: str = "state",
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            size: Rows and columns, from 3 to `LARGEST_SIZE`.
            walls: `[row, column]` of each cell with a wall on its east side. Every two neighbouring columns need an
                opening. None for the layout of the size.
            depots: `[row, column]` of four different cells: red, green, yellow, blue. None for the layout of the size.
            step_reward: Of each step that earns no other, finite.
            delivery_reward: For dropping the passenger off at its destination, finite.
            illegal_reward: For picking up or dropping off where that can't be done, finite.
            is_rainy: As in Gymnasium: a move goes where it should with `rainy_probability`, else to either side of it.
            rainy_probability: From 0 to 1.
            fickle_passenger: As in Gymnasium: with `fickle_probability` the passenger wants to go elsewhere after the
                first move on board.
            fickle_probability: From 0 to 1.
            observation: One of `OBSERVATIONS`.
            render_mode: None, "ansi", "human" or "rgb_array"; the last two need pygame, and show Gymnasium's layout
                only.

        Raises:
            ValueError: A setting is out of its range.
        """
        rainy = flag("is_rainy", is_rainy)
        super().__init__(
            render_mode=render_mode,
            is_rainy=rainy,
            fickle_passenger=flag("fickle_passenger", fickle_passenger),
            rainy_probability=number("rainy_probability", rainy_probability, least=0.0, most=1.0),
            fickle_probability=number("fickle_probability", fickle_probability, least=0.0, most=1.0),
        )
        gymnasiums = self.desc
        self._size = whole("size", size, least=3, most=LARGEST_SIZE)
        self.max_row = self.max_col = self._size - 1
        wall_cells = _default_walls(self._size) if walls is None else _cells("walls", walls, self._size)
        self.locs = _default_depots(self._size) if depots is None else _depots(depots, self._size)
        self.desc = _map(self._size, wall_cells, self.locs)
        if render_mode in ("human", "rgb_array") and not np.array_equal(self.desc, gymnasiums):
            what = "render_mode must be None or 'ansi' where the layout is not Gymnasium's"
            raise ValueError(f"{what}, got {render_mode!r}")
        self._observation = choice("observation", observation, OBSERVATIONS)
        rewards = {
            -1: number("step_reward", step_reward),
            20: number("delivery_reward", delivery_reward),
            -10: number("illegal_reward", illegal_reward),
        }
        self._build_tables(rewards, rainy)
        self.observation_space = self._space()

    def encode(self, taxi_row: int, taxi_col: int, pass_loc: int, dest_idx: int) -> int:
        """The number of a state.

        Args:
            taxi_row: From 0, the top.
            taxi_col: From 0, the left.
            pass_loc: The depot where the passenger waits, or 4 on board.
            dest_idx: The depot where it wants to go.

        Returns:
            From 0 to the number of states - 1.
        """
        return ((taxi_row * self._size + taxi_col) * 5 + pass_loc) * 4 + dest_idx

    def decode(self, i: int) -> tuple[int, int, int, int]:
        """Undoes `encode`.

        Args:
            i: The number of a state.

        Returns:
            Row, column, passenger, destination.
        """
        rest, destination = divmod(int(i), 4)
        rest, passenger = divmod(rest, 5)
        return (*divmod(rest, self._size), passenger, destination)

    def action_mask(self, state: int) -> NDArray[np.int8]:
        """Which actions change a state.

        Args:
            state: The number of the state.

        Returns:
            1 for each action that does, else 0; shape (6,).
        """
        mask: NDArray[np.int8] = super().action_mask(state)
        row, column, _, _ = self.decode(state)
        mask[0] = row < self.max_row
        mask[2] = self.desc[row + 1, 2 * column + 2] == b":"
        return mask

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int | NDArray[np.int64], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment's generator.
            options: Not used.

        Returns:
            The first observation, and its action mask and probability.
        """
        state, info = super().reset(seed=seed, options=options)
        return self._observe(state), info

    def step(self, a: int) -> tuple[int | NDArray[np.int64], float, bool, bool, dict[str, Any]]:
        """Takes a step; see `gymnasium.Env.step`.

        Args:
            a: South, north, east, west, pick up or drop off.

        Returns:
            Observation, reward, whether the passenger was delivered, False, and the action mask and probability.
        """
        state, reward, terminated, truncated, info = super().step(a)  # type: ignore[no-untyped-call]
        return self._observe(state), reward, terminated, truncated, info

    def _observe(self, state: int) -> int | NDArray[np.int64]:
        return state if self._observation == "state" else np.array(self.decode(state), np.int64)

    def _space(self) -> spaces.Space[Any]:
        if self._observation == "state":
            return spaces.Discrete(self._size**2 * 20)
        return spaces.MultiDiscrete([self._size, self._size, 5, 4])

    def _build_tables(self, rewards: dict[int, float], rainy: bool) -> None:
        """Gymnasium's transitions for this size and layout, with other rewards, and where episodes start."""
        states = [
            (row, column, passenger, destination)
            for row in range(self._size)
            for column in range(self._size)
            for passenger in range(5)
            for destination in range(4)
        ]
        self.P: dict[int, dict[int, list[tuple[float, int, float, bool]]]] = {
            state: {action: [] for action in range(6)} for state in range(len(states))
        }
        build: Callable[..., None] = self._build_rainy_transitions if rainy else self._build_dry_transitions
        for state in states:
            for action in range(6):
                build(*state, action)
        for actions in self.P.values():
            for action, outcomes in actions.items():
                actions[action] = [(p, after, rewards[reward], ended) for p, after, reward, ended in outcomes]  # type: ignore[index]
        possible = np.array([passenger < 4 and passenger != destination for _, _, passenger, destination in states])
        self.initial_state_distrib = possible / possible.sum()


def _default_walls(size: int) -> list[Cell]:
    half = size // 2
    top = [(row, half - 1) for row in range(half)]
    return top + [(row, column) for row in range(size - half, size) for column in (0, half)]


def _default_depots(size: int) -> list[Cell]:
    return [(0, 0), (0, size - 1), (size - 1, 0), (size - 1, size - 2)]


def _depots(depots: object, size: int) -> list[Cell]:
    cells = _cells("depots", depots, size)
    if len(cells) != 4 or len(set(cells)) != 4:
        raise ValueError(f"depots must hold four different cells, got {depots!r}")
    return cells


def _cells(name: str, cells: object, size: int) -> list[Cell]:
    message = f"{name} must be a list of [row, column], each from 0 to {size - 1}, got {cells!r}"
    if isinstance(cells, str) or not isinstance(cells, Sequence):
        raise ValueError(message)
    found = []
    for cell in cells:
        if isinstance(cell, str) or not isinstance(cell, Sequence) or len(cell) != 2:
            raise ValueError(message)
        if any(not _is_index(x, size) for x in cell):
            raise ValueError(message)
        found.append((int(cell[0]), int(cell[1])))
    return found


def _is_index(value: object, size: int) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and 0 <= int(value) < size


def _map(size: int, walls: list[Cell], depots: list[Cell]) -> NDArray[np.bytes_]:
    """The layout as Gymnasium writes it: `|` is a wall, `:` an opening.

    Raises:
        ValueError: Walls leave no way from a column to the next.
    """
    for column in range(size - 1):
        if all((row, column) in walls for row in range(size)):
            raise ValueError(f"walls must leave an opening between columns {column} and {column + 1}, got {walls!r}")
    edge = "+" + "-" * (2 * size - 1) + "+"
    names = dict(zip(depots, "RGYB", strict=True))
    rows = []
    for row in range(size):
        cells = [names.get((row, column), " ") for column in range(size)]
        sides = ["|" if (row, column) in walls or column == size - 1 else ":" for column in range(size)]
        rows.append("|" + "".join(cell + side for cell, side in zip(cells, sides, strict=True)))
    return np.asarray([edge, *rows, edge], dtype="c")


ENVIRONMENTS = (
    EnvSpec(
        "transfer/Taxi-v0",
        entry_point=f"{__name__}:{Taxi.__name__}",
        reward_threshold=8.0,
        max_episode_steps=200,
    ),
)
