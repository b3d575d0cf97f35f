"""Rooms of minigrid (Chevalier-Boisvert et al., "Minigrid & Miniworld", 2023), each with its constants as settings.

The reward of all of them is minigrid's: `1 - 0.9 * steps / max_steps` for reaching the goal, else 0. What the settings
`observation`, `tile_size` and `view_size` mean, and which values they take, is said in `Seen`.
"""

from collections.abc import Sequence

from minigrid.core.world_object import Lava, Wall
from minigrid.envs.crossing import CrossingEnv
from minigrid.envs.doorkey import DoorKeyEnv
from minigrid.envs.empty import EmptyEnv
from minigrid.envs.fourrooms import FourRoomsEnv
from minigrid.envs.lavagap import LavaGapEnv
from minigrid.envs.multiroom import MultiRoomEnv

from rl_transfer_envs._checks import choice, whole

from ._seen import LARGEST_SIZE, Seen, checked_cell, checked_steps

OBSTACLES = {"lava": Lava, "wall": Wall}


class Empty(Seen, EmptyEnv):
    """An empty room with a goal; with the defaults minigrid's `MiniGrid-Empty-8x8-v0` through `ImgObsWrapper`."""

    def __init__(
        self,
        *,
        size: int = 8,
        goal: Sequence[int] | None = None,
        start: Sequence[int] | None = (1, 1),
        start_direction: int = 0,
        max_steps: int | None = None,
        observation: str = "symbolic",
        tile_size: int = 8,
        view_size: int = 7,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            size: Rows and columns with the walls, 5 to `LARGEST_SIZE`.
            goal: `[x, y]`, other than `start`; None for the corner at the lower right.
            start: `[x, y]`; None for a random cell and direction in each episode.
            start_direction: 0 to 3: right, down, left, up.
            max_steps: The episode's length; None for minigrid's rule, 4 * `size` squared.
            observation: See `Seen`.
            tile_size: See `Seen`.
            view_size: See `Seen`.
            render_mode: None, "human" or "rgb_array".

        Raises:
            ValueError: A setting is out of its range.
        """
        whole("size", size, least=5, most=LARGEST_SIZE)
        self.goal_cell = (size - 2, size - 2) if goal is None else checked_cell("goal", goal, size)
        start_cell = None if start is None else checked_cell("start", start, size)
        if start_cell == self.goal_cell:
            raise ValueError(f"goal must be another cell than start, got {list(self.goal_cell)} for both")
        super().__init__(
            size=size,
            agent_start_pos=start_cell,
            agent_start_dir=whole("start_direction", start_direction, least=0, most=3),
            max_steps=checked_steps(max_steps),
            observation=observation,
            tile_size=tile_size,
            view_size=view_size,
            render_mode=render_mode,
        )


class DoorKey(Seen, DoorKeyEnv):
    """A goal behind a locked door, and the key to it; with the defaults `MiniGrid-DoorKey-8x8-v0`."""

    def __init__(
        self,
        *,
        size: int = 8,
        goal_row: int | None = None,
        max_steps: int | None = None,
        observation: str = "symbolic",
        tile_size: int = 8,
        view_size: int = 7,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            size: Rows and columns with the walls, 5 to `LARGEST_SIZE`.
            goal_row: The row of the goal, from 1, the top, to `size` - 2, the bottom and what None stands for; it is in
                the last column.
            max_steps: The episode's length; None for minigrid's rule, 10 * `size` squared.
            observation: See `Seen`.
            tile_size: See `Seen`.
            view_size: See `Seen`.
            render_mode: None, "human" or "rgb_array".

        Raises:
            ValueError: A setting is out of its range.
        """
        whole("size", size, least=5, most=LARGEST_SIZE)
        self.goal_cell = _in_last_column(goal_row, size)
        super().__init__(
            size=size,
            max_steps=checked_steps(max_steps),
            observation=observation,
            tile_size=tile_size,
            view_size=view_size,
            render_mode=render_mode,
        )


class LavaGap(Seen, LavaGapEnv):
    """A strip of lava with one gap; with the defaults minigrid's `MiniGrid-LavaGapS7-v0`."""

    def __init__(
        self,
        *,
        size: int = 7,
        obstacle: str = "lava",
        goal_row: int | None = None,
        max_steps: int | None = None,
        observation: str = "symbolic",
        tile_size: int = 8,
        view_size: int = 7,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            size: Rows and columns with the walls, 5 to `LARGEST_SIZE`.
            obstacle: "lava", which ends the episode, or "wall".
            goal_row: As in `DoorKey`.
            max_steps: The episode's length; None for minigrid's rule, 4 * `size` squared.
            observation: See `Seen`.
            tile_size: See `Seen`.
            view_size: See `Seen`.
            render_mode: None, "human" or "rgb_array".

        Raises:
            ValueError: A setting is out of its range.
        """
        whole("size", size, least=5, most=LARGEST_SIZE)
        self.goal_cell = _in_last_column(goal_row, size)
        super().__init__(
            size=size,
            obstacle_type=OBSTACLES[choice("obstacle", obstacle, list(OBSTACLES))],
            max_steps=checked_steps(max_steps),
            observation=observation,
            tile_size=tile_size,
            view_size=view_size,
            render_mode=render_mode,
        )


class Crossing(Seen, CrossingEnv):
    """Rivers of lava, or walls, with an opening each; with the defaults `MiniGrid-LavaCrossingS9N1-v0`."""

    def __init__(
        self,
        *,
        size: int = 9,
        crossings: int = 1,
        obstacle: str = "lava",
        max_steps: int | None = None,
        observation: str = "symbolic",
        tile_size: int = 8,
        view_size: int = 7,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            size: Rows and columns with the walls, odd, 5 to `LARGEST_SIZE`.
            crossings: Rivers, 0 to `size` - 3.
            obstacle: "lava", which ends the episode, or "wall" (minigrid's `SimpleCrossing`).
            max_steps: The episode's length; None for minigrid's rule, 4 * `size` squared.
            observation: See `Seen`.
            tile_size: See `Seen`.
            view_size: See `Seen`.
            render_mode: None, "human" or "rgb_array".

        Raises:
            ValueError: A setting is out of its range.
        """
        if whole("size", size, least=5, most=LARGEST_SIZE) % 2 == 0:
            raise ValueError(f"size must be odd, got {size}")
        super().__init__(
            size=size,
            num_crossings=whole("crossings", crossings, least=0, most=size - 3),
            obstacle_type=OBSTACLES[choice("obstacle", obstacle, list(OBSTACLES))],
            max_steps=checked_steps(max_steps),
            observation=observation,
            tile_size=tile_size,
            view_size=view_size,
            render_mode=render_mode,
        )


class FourRooms(Seen, FourRoomsEnv):
    """Four rooms with a gap between each two neighbours; with the defaults minigrid's `MiniGrid-FourRooms-v0`."""

    def __init__(
        self,
        *,
        size: int = 19,
        goal: Sequence[int] | None = None,
        start: Sequence[int] | None = None,
        max_steps: int | None = None,
        observation: str = "symbolic",
        tile_size: int = 8,
        view_size: int = 7,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            size: Rows and columns with the walls, 7 to `LARGEST_SIZE`.
            goal: `[x, y]`, in a room, other than `start`; None for a random cell in each episode.
            start: `[x, y]`, in a room; None for a random cell in each episode. The direction is random.
            max_steps: The episode's length; None for minigrid's 100.
            observation: See `Seen`.
            tile_size: See `Seen`.
            view_size: See `Seen`.
            render_mode: None, "human" or "rgb_array".

        Raises:
            ValueError: A setting is out of its range.
        """
        whole("size", size, least=7, most=LARGEST_SIZE)
        start_cell, goal_cell = _in_a_room("start", start, size), _in_a_room("goal", goal, size)
        if goal_cell is not None and start_cell == goal_cell:
            raise ValueError(f"goal must be another cell than start, got {list(goal_cell)} for both")
        super().__init__(
            resized=size,
            agent_pos=start_cell,
            goal_pos=goal_cell,
            max_steps=checked_steps(max_steps) or 100,
            observation=observation,
            tile_size=tile_size,
            view_size=view_size,
            render_mode=render_mode,
        )


class MultiRoom(Seen, MultiRoomEnv):
    """Rooms in a row with doors between them; with the defaults minigrid's `MiniGrid-MultiRoom-N2-S4-v0`."""

    def __init__(
        self,
        *,
        rooms: int = 2,
        largest_room: int = 4,
        max_steps: int | None = None,
        observation: str = "symbolic",
        tile_size: int = 8,
        view_size: int = 7,
        render_mode: str | None = None,
    ) -> None:
        """Builds the environment.

        Args:
            rooms: 1 to 6.
            largest_room: Cells a side of a room with its walls at most, 4 to 10.
            max_steps: The episode's length; None for minigrid's rule, 20 * `rooms`.
            observation: See `Seen`.
            tile_size: See `Seen`.
            view_size: See `Seen`.
            render_mode: None, "human" or "rgb_array".

        Raises:
            ValueError: A setting is out of its range.
        """
        whole("rooms", rooms, least=1, most=6)
        super().__init__(
            minNumRooms=rooms,
            maxNumRooms=rooms,
            maxRoomSize=whole("largest_room", largest_room, least=4, most=10),
            max_steps=checked_steps(max_steps),
            observation=observation,
            tile_size=tile_size,
            view_size=view_size,
            render_mode=render_mode,
        )


def _in_last_column(row: object, size: int) -> tuple[int, int]:
    return size - 2, size - 2 if row is None else whole("goal_row", row, least=1, most=size - 2)


def _in_a_room(name: str, cell: object, size: int) -> tuple[int, int] | None:
    if cell is None:
        return None
    found = checked_cell(name, cell, size)
    if size // 2 in found:
        raise ValueError(f"{name} must be in a room, not in the wall at {size // 2}, got {cell!r}")
    return found
