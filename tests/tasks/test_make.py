"""Making environments from tasks, and saying what is wrong with a task."""

import gymnasium
import pytest
from builders import WALK
from gymnasium import spaces

from rl_transfer.errors import ConfigError
from rl_transfer.study import Named, TaskConfig
from rl_transfer.tasks import TaskFacts, inspect_task, make, refuse_different_spaces


def task(id_="transfer/CartPole-v0", wrappers=(), **more):
    return TaskConfig(id=id_, wrappers=[Named(name=n, settings=s) for n, s in wrappers], **more)


class TestErrors:
    @pytest.mark.parametrize(
        ("wrong", "key", "says"),
        [
            (task("transfer/CartPoel-v0"), "id", "CartPoel.*did you mean 'transfer/CartPole-v0'"),
            (task("CartPole-v77"), "id", "CartPole-v77.*CartPole-v1"),
            (task("probes:Wlak-v0"), "id", "did you mean 'Walk-v0'"),
            (task("no_such_package:Walk-v0"), "id", "'no_such_package' is not installed"),
            (task("a b c"), "id", "a b c"),
            (task(kwargs={"gravitiy": 1.0}), "kwargs", "no keyword 'gravitiy'; did you mean 'gravity'"),
            (task("probes:Walk-v0", kwargs={"gaol": 1}), "kwargs", "no keyword 'gaol'; did you mean 'goal'"),
            (task(kwargs={"gravity": "much"}), "kwargs", "gravity|str"),
            (task(wrappers=[("revers_actions", {})]), "wrappers.0", "did you mean 'reverse_actions'"),
            (
                task(wrappers=[("reverse_actions", {}), ("observation_noise", {"scal": 1.0})]),
                "wrappers.1",
                "observation_noise.*scal",
            ),
            (task(wrappers=[("observation_noise", {"scale": -1.0})]), "wrappers.0", "scale"),
            (task("probes:Endless-v0"), "max_episode_steps", "no time limit.*set max_episode_steps"),
        ],
    )
    @pytest.mark.parametrize("what", [make, inspect_task])
    def test_what_is_wrong_is_named_with_its_key(self, wrong, key, says, what):
        with pytest.raises(ConfigError, match=says) as caught:
            what(wrong)
        assert caught.value.key == key

    def test_an_environment_that_can_not_be_made_is_closed_again(self, monkeypatch):
        closed = []
        monkeypatch.setattr(gymnasium.Wrapper, "close", lambda self: closed.append(self))
        with pytest.raises(ConfigError):
            make(task(wrappers=[("observation_noise", {"scale": -1.0})]))
        assert closed


class TestMaking:
    def test_a_time_limit_can_be_given_where_there_is_none(self):
        env = make(task("probes:Endless-v0", max_episode_steps=7))
        env.reset(seed=0)
        ends = []
        while not ends or not ends[-1]:
            _, _, terminated, truncated, _ = env.step(0)
            ends.append(terminated or truncated)
        assert len(ends) <= 7
        assert inspect_task(task("probes:Endless-v0", max_episode_steps=7)).max_episode_steps == 7

    def test_an_environment_need_not_know_render_mode(self):
        env = make(WALK)
        assert env.render_mode is None
        env.close()

    def test_the_first_wrapper_is_innermost(self):
        env = make(task(wrappers=[("reverse_actions", {}), ("observation_noise", {"scale": 0.0})]))
        assert type(env).__name__ == "ObservationNoise"
        assert type(env.env).__name__ == "ReverseActions"
        env.close()

    def test_facts(self):
        facts = inspect_task(WALK)
        assert (facts.max_episode_steps, facts.action_space) == (10, spaces.Discrete(2))
        assert facts.observation_space.shape == (2,)


class TestDigest:
    SOURCE = """
import gymnasium
import numpy as np
from {base} import Base

class Digested(Base):
    pass

if "Digested-v0" not in gymnasium.registry:
    gymnasium.register("Digested-v0", entry_point="{name}:Digested", max_episode_steps=5)
"""
    BASE = """
import gymnasium
import numpy as np

class Base(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
"""

    def test_it_follows_the_source_of_environment_and_base_class(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        module, base = tmp_path / "digested_env.py", tmp_path / "digested_base.py"
        module.write_text(self.SOURCE.format(name="digested_env", base="digested_base"))
        base.write_text(self.BASE)
        digests = [inspect_task(task("digested_env:Digested-v0")).digest]
        for file in (module, base):
            digests.append(inspect_task(task("digested_env:Digested-v0")).digest)
            file.write_text(file.read_text() + "# changed\n")
            digests.append(inspect_task(task("digested_env:Digested-v0")).digest)
        assert digests[0] == digests[1] != digests[2] == digests[3] != digests[4]
        assert len(set(digests)) == 3
        del gymnasium.registry["Digested-v0"]

    def test_it_follows_the_wrappers_and_not_the_settings(self):
        plain, other = inspect_task(task()).digest, inspect_task(task(kwargs={"gravity": 1.0})).digest
        wrapped = inspect_task(task(wrappers=[("reverse_actions", {})])).digest
        assert plain == other != wrapped


class TestSpaces:
    def facts(self, observation=None, action=None):
        return TaskFacts(observation or spaces.Box(-1, 1, (2,)), action or spaces.Discrete(2), 10, "")

    def test_other_bounds_are_no_other_space(self):
        refuse_different_spaces(self.facts(), self.facts(spaces.Box(-9, 9, (2,))))

    @pytest.mark.parametrize(
        ("other", "says"),
        [
            ({"observation": spaces.Box(-1, 1, (3,))}, "observation space"),
            ({"observation": spaces.Box(-1, 1, (2,), dtype="float64")}, "observation space"),
            ({"observation": spaces.Discrete(2)}, "observation space"),
            ({"action": spaces.Discrete(3)}, "action space"),
            ({"action": spaces.Discrete(2, start=1)}, "action space"),
            ({"action": spaces.MultiDiscrete([2])}, "action space"),
        ],
    )
    def test_other_forms_are_refused(self, other, says):
        with pytest.raises(ConfigError, match=says):
            refuse_different_spaces(self.facts(), self.facts(**other))
