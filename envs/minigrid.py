"""MiniGrid's rooms with size, goal, start and kind of observation as settings; needs the extra `minigrid`."""

from gymnasium.envs.registration import EnvSpec

# Rooms end their episodes themselves after `max_steps`, which depends on their size; this is only what none exceeds.
LARGEST_MAX_STEPS = 6250


def _spec(name: str) -> EnvSpec:
    entry_point = f"{__name__.rpartition('.')[0]}._minigrid.rooms:{name}"
    return EnvSpec(f"transfer/MiniGrid{name}-v0", entry_point=entry_point, max_episode_steps=LARGEST_MAX_STEPS)


ENVIRONMENTS = tuple(_spec(name) for name in ("Crossing", "DoorKey", "Empty", "FourRooms", "LavaGap", "MultiRoom"))
