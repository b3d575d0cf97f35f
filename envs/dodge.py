"""Dodge: a game of pixels in which stones fall and the player keeps out of their way."""

from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from rl_transfer_envs._checks import number, whole

from ._pixels import FOES, PLAYER, TRAIL, PixelGame


class Dodge(PixelGame):
    """Keep out of the way of stones that fall from the top, for as long as you can.

    1 for each step survived; over when a stone and the player meet. The player moves in all directions, in the lower
    `reach` rows.

    State as a vector: the player's row and column, then 1 for each cell with a stone, row by row.

    In the image, foes are the stones; there are no friends.
    """

    def __init__(
        self,
        *,
        size: int = 10,
        speed: int = 1,
        density: float = 0.1,
        reach: int = 3,
        **look: Any,
    ) -> None:
        """Builds the environment.

        Args:
            size: Rows and columns, 5 to 36.
            speed: Cells that stones fall in a step, 1 to `size` - 1.
            density: Probability that a cell of a new top row is a stone, 0 to 1.
            reach: Rows from the bottom in which the player moves, 1 to `size` - 1.
            look: Settings of `PixelGame`: observation, channel_order, brightness, background, render_mode.

        Raises:
            TypeError: A keyword is not known.
            ValueError: A setting is out of its range.
        """
        whole("size", size, least=5, most=36)
        self.speed = whole("speed", speed, least=1, most=size - 1)
        self.density = number("density", density, least=0.0, most=1.0)
        self.reach = whole("reach", reach, least=1, most=size - 1)
        super().__init__(size=size, **look)

    @property
    def _state_length(self) -> int:
        return 2 + self.size * self.size

    def _start(self) -> None:
        self._row, self._column = self.size - 1, int(self.np_random.integers(self.size))
        self._stones_YX = np.zeros((self.size, self.size), np.bool_)
        self._trail_YX = self._stones_YX.copy()

    def _advance(self, down: int, right: int) -> tuple[float, bool]:
        self._row = min(max(self._row + down, self.size - self.reach), self.size - 1)
        self._column = min(max(self._column + right, 0), self.size - 1)
        hit = bool(self._stones_YX[self._row, self._column])
        self._trail_YX = self._stones_YX
        for _ in range(self.speed):
            top_X = self.np_random.random(self.size) < self.density
            self._stones_YX = np.vstack([top_X, self._stones_YX[:-1]])
            hit |= bool(self._stones_YX[self._row, self._column])
        return float(not hit), hit

    def _draw(self, image_CYX: NDArray[np.bool_]) -> None:
        image_CYX[PLAYER, self._row, self._column] = True
        image_CYX[FOES] = self._stones_YX
        image_CYX[TRAIL] = self._trail_YX

    def _state(self) -> NDArray[np.float32]:
        last = self.size - 1
        return np.array([self._row / last, self._column / last, *self._stones_YX.ravel()], np.float32)


ENVIRONMENTS = (EnvSpec("transfer/Dodge-v0", entry_point=f"{__name__}:{Dodge.__name__}", max_episode_steps=200),)
