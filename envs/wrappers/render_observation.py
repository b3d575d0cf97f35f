"""Any environment that can be drawn as an image task."""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ._images import Images


class RenderObservation(Images):
    """Shows the environment's picture in place of its observation: from a state vector to pixels of the same task.

    The environment must be made with `render_mode: rgb_array`. A single picture shows no velocities: with `frames` the
    last few are shown together.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, size: int = 64, grayscale: bool = True, frames: int = 1
    ) -> None:
        """Wraps an environment.

        Args:
            env: The environment, whose `render` gives pictures.
            size: Rows and columns of the images, 1 to 1024.
            grayscale: Whether they show brightness alone: 1 channel instead of 3.
            frames: How many are shown together, as channels, the newest last; 1 to 64.

        Raises:
            ValueError: A setting is out of its range, or the environment's render mode is another.
        """
        if env.render_mode != "rgb_array":
            raise ValueError(
                f"render_observation needs an environment made with render_mode: rgb_array, got {env.render_mode!r}"
            )
        super().__init__(env, channels=3, size=size, grayscale=grayscale, frames=frames)

    def _picture(self, observation: Any) -> NDArray[np.uint8]:  # noqa: ARG002
        return np.asarray(self.env.render(), np.uint8)
