"""Breakout: a game of pixels in which a ball is kept in play and takes bricks out of a wall."""

from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from rl_transfer_envs._checks import whole

from ._pixels import FOES, FRIENDS, PLAYER, TRAIL, PixelGame


class Breakout(PixelGame):
    """Keep a ball in play with a paddle on the bottom row; it takes out the bricks that it hits.

    The game as in MinAtar (Young and Tian, 2019) in its outline: the ball moves along diagonals, one cell a step; it
    bounces off the sides, the top, bricks and the paddle. 1 for each brick; the last one brings all of them back. Over
    when the ball passes the paddle. Half of the paddle sends the ball to either side; the middle cell of an odd one
    leaves its direction. Up and down do nothing.

    State as a vector: the paddle's column; the ball's row and column; 1 if it moves down, 1 if right; then 1 for each
    brick that is left, row by row.

    In the image, the friend is the ball, the player the paddle; foes are the bricks.
    """

    def __init__(
        self,
        *,
        size: int = 10,
        paddle_width: int = 2,
        brick_rows: int = 3,
        top_gap: int = 1,
        **look: Any,
    ) -> None:
        """Builds the environment.

        Args:
            size: Rows and columns, 6 to 36.
            paddle_width: Cells, 1 to `size` - 1.
            brick_rows: Rows of bricks, 1 to `size` - 4 - `top_gap`.
            top_gap: Empty rows above them, 0 to `size` - 5.
            look: Settings of `PixelGame`: observation, channel_order, brightness, background, render_mode.

        Raises:
            TypeError: A keyword is not known.
            ValueError: A setting is out of its range.
        """
        whole("size", size, least=6, most=36)
        self.paddle_width = whole("paddle_width", paddle_width, least=1, most=size - 1)
        self.top_gap = whole("top_gap", top_gap, least=0, most=size - 5)
        self.brick_rows: int = whole("brick_rows", brick_rows, least=1, most=size - 4 - self.top_gap)
        super().__init__(size=size, **look)

    @property
    def _state_length(self) -> int:
        return 5 + self.brick_rows * self.size

    def _start(self) -> None:
        self._paddle = (self.size - self.paddle_width) // 2
        self._bricks_YX = np.zeros((self.size, self.size), np.bool_)
        self._refill()
        self._ball = self.top_gap + self.brick_rows, int(self.np_random.integers(self.size))
        self._down, self._right = 1, int(self.np_random.choice((-1, 1)))
        self._before = self._ball

    def _refill(self) -> None:
        self._bricks_YX[self.top_gap : self.top_gap + self.brick_rows] = True

    def _advance(self, down: int, right: int) -> tuple[float, bool]:  # noqa: ARG002
        self._paddle = min(max(self._paddle + right, 0), self.size - self.paddle_width)
        row, column = self._before = self._ball
        if not 0 <= column + self._right < self.size:
            self._right = -self._right
        if row + self._down < 0:
            self._down = 1
        row, column = row + self._down, column + self._right
        if self._bricks_YX[row, column]:
            return self._hit_brick(row, column), False
        if row < self.size - 1:
            self._ball = row, column
            return 0.0, False
        return self._reach_bottom(column)

    def _hit_brick(self, row: int, column: int) -> float:
        """Takes the brick out; the ball goes back to the row it came from."""
        self._bricks_YX[row, column] = False
        self._ball = self._before[0], column
        self._down = -self._down
        if not self._bricks_YX.any():
            self._refill()
        return 1.0

    def _reach_bottom(self, column: int) -> tuple[float, bool]:
        if not self._paddle <= column < self._paddle + self.paddle_width:
            self._ball = self.size - 1, column
            return 0.0, True
        self._ball = self.size - 2, column
        self._down = -1
        from_middle = 2 * (column - self._paddle) - (self.paddle_width - 1)
        self._right = self._right if from_middle == 0 else int(np.sign(from_middle))
        return 0.0, False

    def _draw(self, image_CYX: NDArray[np.bool_]) -> None:
        image_CYX[PLAYER, -1, self._paddle : self._paddle + self.paddle_width] = True
        image_CYX[FRIENDS][self._ball] = True
        image_CYX[FOES] = self._bricks_YX
        image_CYX[TRAIL][self._before] = True

    def _state(self) -> NDArray[np.float32]:
        last = self.size - 1
        ball = self._ball[0] / last, self._ball[1] / last, float(self._down == 1), float(self._right == 1)
        bricks = self._bricks_YX[self.top_gap : self.top_gap + self.brick_rows].ravel()
        return np.array([self._paddle / last, *ball, *bricks], np.float32)


ENVIRONMENTS = (EnvSpec("transfer/Breakout-v0", entry_point=f"{__name__}:{Breakout.__name__}", max_episode_steps=500),)
