"""Small images out of large ones, several in a row: what the wrappers that show images share."""

from abc import abstractmethod
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from rl_transfer_envs._checks import flag, whole

# Of red, green and blue in the brightness of a colour, as in Gymnasium's GrayscaleObservation (ITU-R BT.709).
_LUMA = np.array([0.2125, 0.7154, 0.0721])


class Images(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Shows square images of bytes, channels first, the last few of them together, the newest last.

    At the start of an episode its first image stands for those before it.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, channels: int, size: int, grayscale: bool, frames: int) -> None:
        """Wraps an environment.

        Args:
            env: The environment.
            channels: Of its pictures.
            size: Rows and columns of the images shown.
            grayscale: Whether colours become brightness; needs 3 channels, or 1 and changes nothing.
            frames: Images shown together, as channels.

        Raises:
            ValueError: A setting is out of its range.
        """
        self._size = whole("size", size, least=1, most=1024)
        self._frames = whole("frames", frames, least=1, most=64)
        self._gray = flag("grayscale", grayscale) and channels != 1
        if self._gray and channels != 3:
            raise ValueError(f"grayscale must be false for pictures of {channels} channels: it is for colours")
        RecordConstructorArgs.__init__(self, size=self._size, grayscale=grayscale, frames=self._frames)
        gymnasium.Wrapper.__init__(self, env)
        shape = (self._frames * (1 if self._gray else channels), self._size, self._size)
        self.observation_space = spaces.Box(0, 255, shape, np.uint8)
        self._shown: list[NDArray[np.uint8]] = []

    @abstractmethod
    def _picture(self, observation: Any) -> NDArray[np.uint8]:
        """The picture to show, height x width x channels."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment.
            options: Handed to the environment.

        Returns:
            The first image, as often as images are shown, and the environment's info.
        """
        observation, info = self.env.reset(seed=seed, options=options)
        self._shown = [self._image(observation)] * self._frames
        return np.concatenate(self._shown), info

    def step(self, action: Any) -> tuple[NDArray[np.uint8], Any, bool, bool, dict[str, Any]]:
        """Takes a step; see `gymnasium.Env.step`.

        Args:
            action: The environment's.

        Returns:
            What the environment returns, with images for its observation.

        Raises:
            RuntimeError: The environment was never reset.
        """
        if not self._shown:
            raise RuntimeError("reset the environment before its first step")
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._shown = [*self._shown[1:], self._image(observation)]
        return np.concatenate(self._shown), reward, terminated, truncated, info

    def _image(self, observation: Any) -> NDArray[np.uint8]:
        picture = self._picture(observation)
        values = picture @ _LUMA if self._gray else picture.astype(np.float64)
        small = resize(values.reshape(*picture.shape[:2], -1), self._size, self._size)
        return np.rint(small).astype(np.uint8).transpose(2, 0, 1)


def resize(picture_YXC: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """A picture in another size: the mean of what falls into each pixel, or the nearest pixel where none does.

    Args:
        picture_YXC: Height x width x channels.
        height: Wanted.
        width: Wanted.

    Returns:
        Height x width x channels.
    """
    return _resize_axis(_resize_axis(picture_YXC, height, 0), width, 1)


def _resize_axis(values: NDArray[np.float64], wanted: int, axis: int) -> NDArray[np.float64]:
    starts = np.arange(wanted) * values.shape[axis] // wanted
    if wanted >= values.shape[axis]:
        return np.asarray(values.take(starts, axis=axis))
    counts = np.diff(starts, append=values.shape[axis])
    sums = np.asarray(np.add.reduceat(values, starts, axis=axis))
    return np.asarray(sums / np.expand_dims(counts, tuple(other for other in range(3) if other != axis)))
