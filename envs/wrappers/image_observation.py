"""Images of another size, brightness in place of colours, several in a row."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ._images import Images


class ImageObservation(Images):
    """Shows the environment's images smaller, as brightness if asked, the last few together, channels first.

    With `size` 84, `grayscale` and `frames` 4 the preprocessing of Atari by Mnih et al., "Human-level control through
    deep reinforcement learning" (2015), without its maximum over two frames; it needs no OpenCV.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, size: int = 84, grayscale: bool = False, frames: int = 1
    ) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with images of bytes: height x width, or with channels first or last (the smallest of
                the three; first if it could be either).
            size: Rows and columns of the images, 1 to 1024.
            grayscale: Whether they show brightness alone: 1 channel instead of 3.
            frames: How many are shown together, as channels, the newest last; 1 to 64.

        Raises:
            ValueError: A setting is out of its range, or the observations are no images.
        """
        space = env.observation_space
        if not isinstance(space, spaces.Box) or space.dtype != np.uint8 or len(space.shape) not in (2, 3):
            raise ValueError(f"image_observation needs images of bytes (uint8, two or three dimensions), got {space}")
        self._channels_axis = 0 if len(space.shape) == 3 and space.shape[0] <= min(space.shape[1:]) else -1
        channels = 1 if len(space.shape) == 2 else space.shape[self._channels_axis]
        super().__init__(env, channels=channels, size=size, grayscale=grayscale, frames=frames)

    def _picture(self, observation: Any) -> NDArray[np.uint8]:
        if observation.ndim == 2:
            return np.asarray(observation[..., None])
        return np.moveaxis(observation, self._channels_axis, -1)
