"""Catch: a game of pixels in which a paddle waits for falling balls."""

from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from rl_transfer_envs._checks import number, whole

from ._pixels import FRIENDS, PLAYER, TRAIL, PixelGame


class Catch(PixelGame):
    """Catch balls that fall from the top with a paddle on the bottom row.

    The game of Mnih, Heess, Graves and Kavukcuoglu, "Recurrent models of visual attention" (2014), with several balls
    in an episode. 1 for each ball that lands on the paddle, -1 for each other; over when the last has landed. With the
    defaults every ball can be caught. Up and down do nothing.

    State as a vector: the paddle's column; for each ball that can be in the air, lowest first, 1, its row and its
    column, all 0 where there is none; the share of balls to come.

    In the image, friends are the balls; there are no foes.
    """

    def __init__(
        self,
        *,
        size: int = 10,
        paddle_width: int = 2,
        speed: int = 1,
        interval: int = 9,
        balls: int = 10,
        drift: float = 0.0,
        **look: Any,
    ) -> None:
        """Builds the environment.

        Args:
            size: Rows and columns, 5 to 36.
            paddle_width: Cells, 1 to `size` - 1.
            speed: Cells that a ball falls in a step, 1 to `size` - 2.
            interval: Steps from one ball to the next, 1 to 100.
            balls: In an episode, 1 to 50.
            drift: Probability that a ball moves one column to either side in a step, 0 to 1; at the edges it stays.
            look: Settings of `PixelGame`: observation, channel_order, brightness, background, render_mode.

        Raises:
            TypeError: A keyword is not known.
            ValueError: A setting is out of its range.
        """
        whole("size", size, least=5, most=36)
        self.paddle_width = whole("paddle_width", paddle_width, least=1, most=size - 1)
        self.speed = whole("speed", speed, least=1, most=size - 2)
        self.interval = whole("interval", interval, least=1, most=100)
        self.balls = whole("balls", balls, least=1, most=50)
        self.drift = number("drift", drift, least=0.0, most=1.0)
        self._falling_steps = -(-(size - 1) // self.speed)
        self._most_balls: int = min(-(-self._falling_steps // self.interval), self.balls)
        super().__init__(size=size, **look)

    @property
    def _state_length(self) -> int:
        return 2 + 3 * self._most_balls

    def _start(self) -> None:
        self._paddle = int(self.np_random.integers(self.size - self.paddle_width + 1))
        self._waiting = self.balls
        self._clock = 0
        self._in_air: list[tuple[int, int]] = []
        self._trail: list[tuple[int, int]] = []
        self._release()

    def _release(self) -> None:
        if self._waiting and self._clock % self.interval == 0:
            self._in_air.append((0, int(self.np_random.integers(self.size))))
            self._waiting -= 1

    def _advance(self, down: int, right: int) -> tuple[float, bool]:  # noqa: ARG002
        self._paddle = min(max(self._paddle + right, 0), self.size - self.paddle_width)
        self._trail = self._in_air
        moved = [(row + self.speed, self._drifted(column)) for row, column in self._in_air]
        landed = [column for row, column in moved if row >= self.size - 1]
        self._in_air = [(row, column) for row, column in moved if row < self.size - 1]
        caught = sum(self._paddle <= column < self._paddle + self.paddle_width for column in landed)
        self._clock += 1
        self._release()
        return float(2 * caught - len(landed)), not self._in_air and not self._waiting

    def _drifted(self, column: int) -> int:
        if self.drift == 0 or self.np_random.random() >= self.drift:
            return column
        return min(max(column + int(self.np_random.choice((-1, 1))), 0), self.size - 1)

    def _draw(self, image_CYX: NDArray[np.bool_]) -> None:
        image_CYX[PLAYER, -1, self._paddle : self._paddle + self.paddle_width] = True
        for channel, cells in ((FRIENDS, self._in_air), (TRAIL, self._trail)):
            for row, column in cells:
                image_CYX[channel, row, column] = True

    def _state(self) -> NDArray[np.float32]:
        last = self.size - 1
        balls = [number for row, column in self._in_air for number in (1.0, row / last, column / last)]
        absent = [0.0] * (3 * self._most_balls - len(balls))
        return np.array([self._paddle / last, *balls, *absent, self._waiting / self.balls], np.float32)


ENVIRONMENTS = (EnvSpec("transfer/Catch-v0", entry_point=f"{__name__}:{Catch.__name__}", max_episode_steps=5050),)
