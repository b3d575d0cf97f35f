"""What an agent sees of a MiniGrid room."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import ObservationWrapper, spaces
from minigrid.core.grid import Grid
from minigrid.core.world_object import Goal, WorldObj
from minigrid.minigrid_env import MiniGridEnv
from minigrid.wrappers import FullyObsWrapper, OneHotPartialObsWrapper, RGBImgObsWrapper, RGBImgPartialObsWrapper
from numpy.typing import NDArray

from rl_transfer_envs._checks import choice, whole
from rl_transfer_envs.minigrid import LARGEST_MAX_STEPS

_FORMS: dict[str, Any] = {
    "one_hot": lambda env, _: OneHotPartialObsWrapper(env),  # type: ignore[no-untyped-call]
    "full": lambda env, _: FullyObsWrapper(env),  # type: ignore[no-untyped-call]
    "rgb": RGBImgPartialObsWrapper,
    "full_rgb": RGBImgObsWrapper,
}
"""The wrappers of minigrid that make observations; they are asked for that alone, never stepped."""
OBSERVATIONS = ("symbolic", *_FORMS)
LARGEST_SIZE = 25


class Seen(MiniGridEnv):
    """A MiniGrid environment whose observation is one array: minigrid's image in one of its forms.

    The mission is left out (in these rooms it is always the same), and so is the direction, as minigrid's
    `ImgObsWrapper` does. Subclass it before minigrid's own class.
    """

    goal_cell: tuple[int, int] | None = None
    """Where the goal goes instead of where minigrid puts it; None for there."""

    def __init__(
        self, *, observation: str, tile_size: int, view_size: int, resized: int | None = None, **settings: Any
    ) -> None:
        """Builds the environment.

        Args:
            observation: One of `OBSERVATIONS`: "symbolic", what minigrid's environments give as their image (object,
                colour and state of each visible cell as small whole numbers; uint8, view x view x 3); "one_hot", the
                same as one row of zeros and ones (float32; minigrid's `OneHotPartialObsWrapper`, flat); "full", object,
                colour and state of the whole grid (`FullyObsWrapper`); "rgb" and "full_rgb", pictures of the view or of
                the grid, `tile_size` pixels a cell (`RGBImgPartialObsWrapper` and `RGBImgObsWrapper`).
            tile_size: Pixels, 2 to 32.
            view_size: Cells a side of the visible square, odd, 3 to 15.
            resized: Rows and columns, for a class of minigrid that takes no size.
            settings: For minigrid's class.

        Raises:
            ValueError: A setting is out of its range.
        """
        self.observation_kind = choice("observation", observation, OBSERVATIONS)
        tile_size = whole("tile_size", tile_size, least=2, most=32)
        if whole("view_size", view_size, least=3, most=15) % 2 == 0:
            raise ValueError(f"view_size must be odd, got {view_size}")
        super().__init__(agent_view_size=view_size, **settings)
        if resized is not None:
            self.size = self.width = self.height = resized
            self.grid = Grid(resized, resized)
        make_form = _FORMS.get(self.observation_kind)
        self._form: ObservationWrapper[Any, Any, Any] | None
        self._form = None if make_form is None else make_form(self, tile_size)
        seen = self if self._form is None else self._form
        image = seen.observation_space["image"]  # type: ignore[index]
        if self.observation_kind == "one_hot":
            image = spaces.Box(0.0, 1.0, (int(np.prod(image.shape)),), np.float32)
        self.observation_space = image

    def put_obj(self, obj: WorldObj, i: int, j: int) -> None:
        """Puts a thing into the grid; a goal where `goal_cell` says.

        Args:
            obj: The thing.
            i: Its column.
            j: Its row.
        """
        if isinstance(obj, Goal) and self.goal_cell is not None:
            i, j = self.goal_cell
        super().put_obj(obj, i, j)

    def reset(  # type: ignore[override]
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment's generator.
            options: Not used.

        Returns:
            The first observation and an empty dict.
        """
        observation, info = super().reset(seed=seed, options=options)
        return self._see(observation), info

    def step(  # type: ignore[override]
        self, action: Any
    ) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Takes a step; see `gymnasium.Env.step`.

        Args:
            action: Turn left, turn right, go forward, pick up, drop, toggle, done.

        Returns:
            Observation, reward, whether the episode is over, whether its time is, an empty dict.
        """
        observation, reward, terminated, truncated, info = super().step(action)
        return self._see(observation), float(reward), terminated, truncated, info

    def render(self) -> Any:
        """The whole room as minigrid draws it; see `gymnasium.Env.render`."""
        with warnings.catch_warnings():
            # minigrid asks for the default font by a name that pygame-ce does not know, and gets it all the same.
            warnings.filterwarnings("ignore", message="The system font ", category=UserWarning)
            return super().render()  # type: ignore[no-untyped-call]

    def _see(self, observation: dict[str, Any]) -> NDArray[Any]:
        image: NDArray[Any] = (observation if self._form is None else self._form.observation(observation))["image"]
        return image.astype(np.float32).ravel() if self.observation_kind == "one_hot" else image


def checked_steps(max_steps: object) -> int | None:
    """A setting `max_steps`: None for minigrid's rule, or from 1 to what the registered time limit allows."""
    return None if max_steps is None else whole("max_steps", max_steps, least=1, most=LARGEST_MAX_STEPS)


def checked_cell(name: str, cell: object, size: int) -> tuple[int, int]:
    """A setting `[x, y]` inside the walls of a square grid.

    Raises:
        ValueError: It is none.
    """
    message = f"{name} must be [x, y], each from 1 to {size - 2}, got {cell!r}"
    if isinstance(cell, str) or not isinstance(cell, Sequence) or len(cell) != 2:
        raise ValueError(message)
    if any(isinstance(x, bool) or not isinstance(x, int) or not 1 <= x <= size - 2 for x in cell):
        raise ValueError(message)
    return cell[0], cell[1]
