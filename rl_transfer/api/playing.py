"""Finished agents at play."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rl_transfer.errors import ConfigError
from rl_transfer.store import Store, find_run, run_name

if TYPE_CHECKING:
    from rl_transfer.run.play import Picture, Player

SIBLINGS = "siblings"
FASTEST = 240
"""Steps a second; no screen shows more."""


def play_runs(
    run: str | Path,
    *,
    compare: Sequence[str | Path] = (),
    video: str | Path | None = None,
    episodes: int = 1,
    seed: int = 0,
    fps: int | None = None,
    store: str | Path = "runs",
    overwrite: bool = False,
    tell: Callable[[str], object] = print,
) -> int:
    """Let the agents of finished runs play side by side, on the same episode seeds.

    Args:
        run: A run's folder, or its name as ``rl-transfer runs`` prints it (the key may be left out).
        compare: Further ones; ``siblings`` for the source, from scratch, the arm and its placebo of the same seed.
        video: The film to write, an .mp4 or .gif; a window is opened where there is none.
        episodes: How many.
        seed: Seed of the first episode; those after it count up.
        fps: Steps shown per second, 240 at most; what the environment says by default.
        store: Folder of runs and results, for names.
        overwrite: Replace an existing film.
        tell: Is told which siblings are left out.

    Returns:
        The number of pictures.

    Raises:
        ConfigError: If a run is not there or left no agent, a task can't be shown, or there is no display.
        StoreError: If an agent can't be read, or the film not be written.
        EnvironmentFailedError: If an environment fails, or can't be drawn.
    """
    _check_numbers(episodes, seed, fps)
    from rl_transfer.run.film import check_film, check_window, has_display, show_in_window, write_film
    from rl_transfer.run.play import load_players, pictures_per_second

    file = None if video is None else Path(video).expanduser().absolute()
    if file is None:
        check_window()
    else:
        check_film(file, overwrite=overwrite)
    if sys.platform.startswith("linux") and not has_display():
        os.environ.setdefault("MUJOCO_GL", "egl")  # before MuJoCo is imported: it draws without a display then
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # what pygame complains without
    players = load_players(_folders(run, compare, Store(Path(store).absolute()), tell))
    speed = fps or pictures_per_second(players[0])
    pictures = _pictures(players, episodes=episodes, seed=seed, hold=speed)
    if file is None:
        return show_in_window(pictures, fps=speed, title="rl-transfer play")
    return write_film(file, pictures, fps=speed)


def _check_numbers(episodes: int, seed: int, fps: int | None) -> None:
    if episodes < 1:
        raise ConfigError(f"must be at least 1, not {episodes}", key="--episodes")
    if seed < 0:
        raise ConfigError(f"must be at least 0, not {seed}", key="--seed")
    if fps is not None and not 1 <= fps <= FASTEST:
        raise ConfigError(f"must be from 1 to {FASTEST}, not {fps}", key="--fps")


def _folders(run: str | Path, compare: Sequence[str | Path], store: Store, tell: Callable[[str], object]) -> list[Path]:
    from rl_transfer.run.siblings import siblings

    first = find_run(str(run), store).absolute()
    found = [] if SIBLINGS in compare else [first]
    for other in compare:
        if other != SIBLINGS:
            found.append(find_run(str(other), store).absolute())
            continue
        beside, left_out = siblings(first, store)
        found += beside
        if left_out:
            tell(f"left out, not finished: {', '.join(run_name(store, one) for one in left_out)}")
    return list(dict.fromkeys(found))


def _pictures(players: "Sequence[Player]", *, episodes: int, seed: int, hold: int) -> "Iterator[Picture]":
    """All episodes; the last picture of each stays for as many pictures as ``hold`` says."""
    from rl_transfer.run.panels import compose, task_text
    from rl_transfer.run.play import play_episode

    stage = next((player.task for player in players if player.spec.role != "source"), players[0].task)
    for episode in range(episodes):
        title = f"{task_text(stage)}   episode {episode + 1} of {episodes}, seed {seed + episode}"
        for views in play_episode(players, seed=seed + episode):
            picture = compose(players, views, title)
            yield picture
        for _ in range(hold):
            yield picture
