"""What the small pixel games share: images with one channel for each kind of object, actions, looks, rendering."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_transfer_envs._checks import choice, whole

OBSERVATIONS = ("pixels", "vector")
CHANNELS = ("player", "friends", "foes", "trail")
"""What each channel of an image shows: the player, what it should touch, what it should not or what stands in the way,
and where moving things were before."""
PLAYER, FRIENDS, FOES, TRAIL = range(len(CHANNELS))
STAY, UP, DOWN, LEFT, RIGHT = range(5)

_MOVES = {STAY: (0, 0), UP: (-1, 0), DOWN: (1, 0), LEFT: (0, -1), RIGHT: (0, 1)}
_COLOURS = np.array([(70, 130, 240), (90, 200, 90), (220, 70, 60), (110, 110, 110)], np.uint8)
_TILE = 16


class PixelGame(gymnasium.Env[NDArray[Any], Any]):
    """A game on a square grid, shown as an image of one channel for each of `CHANNELS`, or as a vector of its state.

    The form of MinAtar's games (Young and Tian, "MinAtar: an Atari-inspired testbed for thorough and reproducible
    reinforcement learning experiments", 2019), with the same channels, actions and image size in every game, so that
    a network fits all of them. Actions: stay, up, down, left, right; where a game has no use for one, it does nothing.

    A game says how an episode starts, what a step does, what is where, and what its state is.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 8}  # noqa: RUF012 - Gymnasium declares it for instances

    def __init__(
        self,
        *,
        size: int,
        observation: str = "pixels",
        channel_order: Sequence[int] = (0, 1, 2, 3),
        brightness: int = 255,
        background: int = 0,
        render_mode: str | None = None,
        **unknown: object,
    ) -> None:
        """Sets what all games have.

        Args:
            size: Rows and columns.
            observation: One of `OBSERVATIONS`: "pixels" is uint8, shape (4, size, size); "vector" is float32 from 0 to
                1, as many numbers as the game's state has.
            channel_order: The place of each of `CHANNELS` in the image, each of 0 to 3 once.
            brightness: Value of a pixel where something is, 0 to 255.
            background: Value of a pixel where nothing is, 0 to 255, other than `brightness`.
            render_mode: None or "rgb_array".
            unknown: What neither the game nor this takes; there may be none.

        Raises:
            TypeError: A keyword is not known.
            ValueError: A setting is out of its range.
        """
        if unknown:
            raise TypeError(f"{type(self).__name__} takes no keyword {next(iter(unknown))!r}")
        self.size = size
        self.observation_kind = choice("observation", observation, OBSERVATIONS)
        self._places = _order(channel_order)
        self._levels = np.array(
            [whole("background", background, least=0, most=255), whole("brightness", brightness, least=0, most=255)],
            np.uint8,
        )
        if background == brightness:
            raise ValueError(f"background must be other than brightness, got {background} for both")
        self.render_mode = None if render_mode is None else choice("render_mode", render_mode, ["rgb_array"])
        self.action_space = spaces.Discrete(len(_MOVES))
        pixels = spaces.Box(0, 255, (len(CHANNELS), size, size), np.uint8)
        vector = spaces.Box(0.0, 1.0, (self._state_length,), np.float32)
        self.observation_space = pixels if self.observation_kind == "pixels" else vector

    @property
    @abstractmethod
    def _state_length(self) -> int:
        """How many numbers the state has; asked for once the game's own settings are there."""

    @abstractmethod
    def _start(self) -> None:
        """Brings the game to the start of an episode."""

    @abstractmethod
    def _advance(self, down: int, right: int) -> tuple[float, bool]:
        """Moves the player by that many cells, then everything else.

        Returns:
            The reward, and whether the game is over.
        """

    @abstractmethod
    def _draw(self, image_CYX: NDArray[np.bool_]) -> None:
        """Marks what is where in an image of nothing, in the order of `CHANNELS`."""

    @abstractmethod
    def _state(self) -> NDArray[np.float32]:
        """All that is needed to play on, each number from 0 to 1."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment's generator.
            options: Not used.

        Returns:
            The first observation and an empty dict.
        """
        super().reset(seed=seed, options=options)
        self._start()
        return self._observe(), {}

    def step(self, action: int) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Takes a step; see `gymnasium.Env.step`.

        Args:
            action: Stay, up, down, left or right.

        Returns:
            Observation, reward, whether the game is over, False, an empty dict.

        Raises:
            ValueError: There is no such action.
        """
        if action not in self.action_space:
            raise ValueError(f"action must be one of 0 to {len(_MOVES) - 1}, got {action!r}")
        reward, over = self._advance(*_MOVES[int(action)])
        return self._observe(), reward, over, False, {}

    def render(self) -> NDArray[np.uint8] | None:
        """The game as a picture for people; every look and kind of observation has the same.

        Returns:
            Height x width x 3, or None without a render mode.
        """
        if self.render_mode is None:
            return None
        picture_YXC = np.zeros((self.size, self.size, 3), np.uint8)
        shown_CYX = self._image()
        for channel in (TRAIL, FOES, FRIENDS, PLAYER):
            picture_YXC[shown_CYX[channel]] = _COLOURS[channel]
        return picture_YXC.repeat(_TILE, axis=0).repeat(_TILE, axis=1)

    def _image(self) -> NDArray[np.bool_]:
        image_CYX = np.zeros((len(CHANNELS), self.size, self.size), np.bool_)
        self._draw(image_CYX)
        return image_CYX

    def _observe(self) -> NDArray[Any]:
        if self.observation_kind == "vector":
            return self._state()
        image_CYX = np.empty((len(CHANNELS), self.size, self.size), np.uint8)
        image_CYX[self._places] = self._levels[self._image().astype(np.intp)]
        return image_CYX


def _order(channel_order: object) -> list[int]:
    message = f"channel_order must hold each of 0 to {len(CHANNELS) - 1} once, got {channel_order!r}"
    if isinstance(channel_order, str) or not isinstance(channel_order, Sequence):
        raise ValueError(message)
    if any(isinstance(place, bool) or not isinstance(place, int) for place in channel_order):
        raise ValueError(message)
    if sorted(channel_order) != list(range(len(CHANNELS))):
        raise ValueError(message)
    return list(channel_order)
