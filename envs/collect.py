"""Collect: a game of pixels in which the player gathers food and keeps away from foes."""

from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from rl_transfer_envs._checks import number, whole

from ._pixels import FOES, FRIENDS, PLAYER, TRAIL, PixelGame

_STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))


class Collect(PixelGame):
    """Gather food that lies about, and touch no foe.

    1 for each piece of food, which then reappears elsewhere; `foe_reward` for touching a foe, and the game is over.

    State as a vector: rows and columns of the player, of each piece of food, of each foe.

    In the image, friends are the food.
    """

    def __init__(
        self,
        *,
        size: int = 10,
        food: int = 2,
        foes: int = 2,
        foe_speed: float = 0.0,
        foe_reward: float = -1.0,
        **look: Any,
    ) -> None:
        """Builds the environment.

        Args:
            size: Rows and columns, 5 to 36.
            food: Pieces that lie about at a time, 1 to 8.
            foes: 0 to 8.
            foe_speed: Probability that a foe tries to move to a neighbouring cell in a step, 0 to 1; food, foes and the
                edges are in its way.
            foe_reward: For touching a foe, finite.
            look: Settings of `PixelGame`: observation, channel_order, brightness, background, render_mode.

        Raises:
            TypeError: A keyword is not known.
            ValueError: A setting is out of its range.
        """
        whole("size", size, least=5, most=36)
        self.food: int = whole("food", food, least=1, most=8)
        self.foes: int = whole("foes", foes, least=0, most=8)
        self.foe_speed = number("foe_speed", foe_speed, least=0.0, most=1.0)
        self.foe_reward = number("foe_reward", foe_reward)
        super().__init__(size=size, **look)

    @property
    def _state_length(self) -> int:
        return 2 * (1 + self.food + self.foes)

    def _start(self) -> None:
        cells = self.np_random.permutation(self.size * self.size)[: 1 + self.food + self.foes]
        places = [divmod(int(cell), self.size) for cell in cells]
        self._player, self._food, self._foes = places[0], places[1 : 1 + self.food], places[1 + self.food :]
        self._trail: list[tuple[int, int]] = []

    def _advance(self, down: int, right: int) -> tuple[float, bool]:
        last = self.size - 1
        before, foes_before = self._player, list(self._foes)
        self._player = min(max(before[0] + down, 0), last), min(max(before[1] + right, 0), last)
        hit = self._player in self._foes
        self._move_foes()
        hit = hit or self._player in self._foes
        self._trail = [before, *foes_before]
        if hit:
            return self.foe_reward, True
        if self._player not in self._food:
            return 0.0, False
        self._food[self._food.index(self._player)] = self._free_cell()
        return 1.0, False

    def _move_foes(self) -> None:
        if self.foe_speed == 0:
            return
        for index, (row, column) in enumerate(self._foes):
            down, right = _STEPS[int(self.np_random.integers(len(_STEPS)))]
            place = row + down, column + right
            free = min(place) >= 0 and max(place) < self.size and place not in self._food and place not in self._foes
            if self.np_random.random() < self.foe_speed and free:
                self._foes[index] = place

    def _free_cell(self) -> tuple[int, int]:
        taken = {self._player, *self._food, *self._foes}
        free = [divmod(cell, self.size) for cell in range(self.size * self.size)]
        free = [place for place in free if place not in taken]
        return free[int(self.np_random.integers(len(free)))]

    def _draw(self, image_CYX: NDArray[np.bool_]) -> None:
        image_CYX[PLAYER][self._player] = True
        for channel, places in ((FRIENDS, self._food), (FOES, self._foes), (TRAIL, self._trail)):
            for place in places:
                image_CYX[channel][place] = True

    def _state(self) -> NDArray[np.float32]:
        return np.array([self._player, *self._food, *self._foes], np.float32).ravel() / np.float32(self.size - 1)


ENVIRONMENTS = (EnvSpec("transfer/Collect-v0", entry_point=f"{__name__}:{Collect.__name__}", max_episode_steps=100),)
