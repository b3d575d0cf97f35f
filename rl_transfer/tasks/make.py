"""From a task's configuration to an environment, with errors that name what is wrong."""

import inspect
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import gymnasium
from gymnasium.error import Error as GymnasiumError
from gymnasium.error import UnregisteredEnv

import rl_transfer_envs.wrappers
from rl_transfer.errors import ConfigError, nearest
from rl_transfer.study import Named, TaskConfig
from rl_transfer.tasks.digest import describe_source
from rl_transfer.tasks.meter import one_line

Env = gymnasium.Env[Any, Any]
_NO_SETTINGS = ("self", "env", "render_mode")
# By the package that other people's environments are in: the extra that brings it.
_EXTRAS = {"ale_py": "atari", "Box2D": "box2d", "minigrid": "minigrid", "mujoco": "mujoco"}


@dataclass(frozen=True)
class TaskFacts:
    """What planning needs to know of a task.

    Attributes:
        digest: Changes when the source code of the environment or of one of its wrappers changes, or a file of
            theirs that this code imports.
        distributions: Versions of the third-party distributions that this code imports, by name; Gymnasium, NumPy and
            the learning libraries, which every run records, are not among them.
    """

    observation_space: gymnasium.Space[Any]
    action_space: gymnasium.Space[Any]
    max_episode_steps: int
    digest: str
    distributions: dict[str, str]


def make(task: TaskConfig, *, render_mode: str | None = None) -> Env:
    """Make a task's environment, its wrappers around it, the first one innermost.

    Args:
        task: The task.
        render_mode: How it is to be shown, in Gymnasium's words; not at all by default.

    Raises:
        ConfigError: If the id is unknown, a keyword is not taken, a wrapper can't be applied, the task has no time
            limit, or can't be shown that way.
    """
    env = _make_bare(task, render_mode)
    for index, wrapper in enumerate(task.wrappers):
        try:
            env = _wrap(env, wrapper)
        except Exception as error:
            env.close()
            raise ConfigError(f"{wrapper.name}: {error}", key=f"wrappers.{index}") from error
    if _time_limit(env) is None:
        env.close()
        raise ConfigError(
            f"{task.id} has no time limit, so an episode may never end: set max_episode_steps", key="max_episode_steps"
        )
    return env


def inspect_task(task: TaskConfig) -> TaskFacts:
    """Make a task's environment once and look at it.

    Raises:
        ConfigError: As :func:`make`.
    """
    env = make(task)
    limit = _time_limit(env)
    assert limit is not None
    facts = TaskFacts(env.observation_space, env.action_space, limit, *describe_source(env))
    env.close()
    return facts


def _make_bare(task: TaskConfig, render_mode: str | None) -> Env:
    if render_mode is not None:
        _refuse_unseen(task, render_mode)
    env = _made_by_gymnasium(task, render_mode)
    for kind in ("observation_space", "action_space"):
        if not isinstance(getattr(env.unwrapped, kind, None), gymnasium.Space):
            env.close()
            raise ConfigError(f"{task.id} has no {kind}: its environment must set one in __init__", key="id")
    return env


def _refuse_unseen(task: TaskConfig, render_mode: str) -> None:
    """Refuse a task that can't be shown; some of those don't take the keyword at all."""
    env = _made_by_gymnasium(task, None)
    env.close()
    if render_mode not in env.metadata.get("render_modes", ()):
        raise ConfigError(f"{task.id} can't be shown: it has no render mode {render_mode!r}", key="id")


def _made_by_gymnasium(task: TaskConfig, render_mode: str | None) -> Env:
    shown = {} if render_mode is None else {"render_mode": render_mode}
    module, _, name = task.id.rpartition(":")
    try:
        _silence_greeting(module)
        return gymnasium.make(
            task.id,
            max_episode_steps=task.max_episode_steps,
            disable_env_checker=True,
            **shown,
            **task.kwargs,
        )
    except UnregisteredEnv as error:
        raise ConfigError(
            f"no environment is called {task.id!r}; {_without_module(task.id) or nearest(name, gymnasium.registry)}",
            key="id",
        ) from error
    except ModuleNotFoundError as error:
        missing = error.name or module
        mend = f": pip install 'rl-transfer[{_EXTRAS[missing]}]'" if missing in _EXTRAS else ""
        raise ConfigError(f"{task.id} can't be made: {missing!r} is not installed{mend}", key="id") from error
    except GymnasiumError as error:
        raise ConfigError(f"{task.id} can't be made: {one_line(error)}", key="id") from error
    except TypeError as error:
        raise ConfigError(f"{task.id} can't be made: {_unknown_keyword(task) or error}", key="kwargs") from error
    except (Exception, SystemExit) as error:
        what = f"{task.id} can't be made: {type(error).__name__}: {one_line(error)}"
        raise ConfigError(what, key="kwargs" if task.kwargs else "id") from error


def _silence_greeting(module: str) -> None:
    """Keep ALE from greeting on standard error: it silences itself only after its first environment has done so."""
    if module == "ale_py":
        ale = import_module(module)
        ale.ALEInterface.setLoggerMode(ale.LoggerMode.Error)


def keyword_parameters(task: TaskConfig) -> dict[str, inspect.Parameter]:
    """The keywords that a task's environment takes, as far as signatures say.

    Args:
        task: A task whose id is registered.
    """
    entry = gymnasium.spec(task.id.rpartition(":")[2]).entry_point
    creator = gymnasium.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
    return {} if creator is None else keywords(creator)


def keywords(creator: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The keywords of a function or class by name; a class that passes ``**kwargs`` on takes those of its bases too."""
    inits = (
        [vars(cls)["__init__"] for cls in inspect.getmro(creator) if "__init__" in vars(cls)]
        if isinstance(creator, type)
        else [creator]
    )
    found: dict[str, inspect.Parameter] = {}
    for depth, init in enumerate(inits):
        parameters = inspect.signature(init).parameters.values()
        for p in parameters:
            if depth and p.default is p.empty:
                continue  # which the class gives its base itself
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL, p.POSITIONAL_ONLY) and p.name not in _NO_SETTINGS:
                found.setdefault(p.name, p)
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return found


def _without_module(task_id: str) -> str:
    """What is missing from an id of a namespace that nothing has registered; nothing if that is not the fault."""
    namespace, found, _ = task_id.rpartition("/")
    if not found or ":" in namespace or any(known.startswith(f"{namespace}/") for known in gymnasium.registry):
        return ""
    example = "ale_py:ALE/Pong-v5" if namespace == "ALE" else f"package:{task_id}"
    return f"nothing has registered {namespace}/: put the module that does before it, as in {example}"


def _unknown_keyword(task: TaskConfig) -> str | None:
    """What to say of a keyword that the environment does not take; nothing where no signature says what it takes."""
    valid = keyword_parameters(task)
    name = _first_unknown(task.kwargs, valid) if valid else None
    return None if name is None else f"{_not_taken(name, valid)}{_ours_with(name, task.id)}"


def _first_unknown(given: Iterable[str], valid: Collection[str]) -> str | None:
    return next((name for name in given if name not in valid), None)


def _not_taken(name: str, valid: Collection[str]) -> str:
    return f"it takes no keyword {name!r}; {nearest(name, valid)}"


def _ours_with(keyword: str, task_id: str) -> str:
    """Says so where our environment of the same name takes a keyword that the public one does not."""
    name = f"transfer/{task_id.rpartition('/')[2].rpartition('-v')[0]}-v0"
    if name == task_id or name not in gymnasium.registry:
        return ""
    return f"; {name} takes it" if keyword in keyword_parameters(TaskConfig(id=name)) else ""


def _wrap(env: Env, wrapper: Named) -> Env:
    cls = rl_transfer_envs.wrappers.wrapper_class(wrapper.name)
    try:
        wrapped: Env = cls(env, **wrapper.settings)
    except TypeError as error:
        valid = keywords(cls)
        name = _first_unknown(wrapper.settings, valid)
        raise TypeError(error if name is None else _not_taken(name, valid)) from error
    return wrapped


def _time_limit(env: Env) -> int | None:
    return None if env.spec is None else env.spec.max_episode_steps
