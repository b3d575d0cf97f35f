"""A new pair's file: loaded as it is, its numbers those that were measured, its comments true."""

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import gymnasium
import numpy as np
import pytest
import yaml
from gymnasium import spaces
from jsonschema import Draft7Validator

from rl_transfer.api import new_pair
from rl_transfer.errors import ConfigError
from rl_transfer.execute import plan_study
from rl_transfer.execute.anchors import measure_anchors
from rl_transfer.execute.new_pair import guessed_reference
from rl_transfer.store import Store
from rl_transfer.study import load_study


class Line(gymnasium.Env):
    """Five steps; the reward is the action, or that times a scale."""

    action_space = spaces.Discrete(3)

    def __init__(self, size=2, scale=1.0, fails=False):
        self.observation_space = spaces.Box(-1, 1, (size,), np.float32)
        self.scale, self.fails = scale, fails

    def look(self):
        return np.zeros(self.observation_space.shape, self.observation_space.dtype)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.look(), {}

    def step(self, action):
        if self.fails:
            raise RuntimeError("first\nsecond")
        return self.look(), float(np.ravel(action)[0] * self.scale), False, False, {}


class Acts(Line):
    """Of an action of several numbers the first counts."""

    def __init__(self, action="discrete", keys=(), sizes=()):
        super().__init__()
        self.action_space = ACTIONS[action]
        if keys:
            parts = {key: spaces.Box(-1, 1, (size,), np.float32) for key, size in zip(keys, sizes, strict=True)}
            self.observation_space = spaces.Dict(parts)

    def look(self):
        return self.observation_space.sample()


class Picture(Line):
    def __init__(self, height=40):
        super().__init__()
        self.observation_space = spaces.Box(0, 255, (height, 40, 3), np.uint8)


ACTIONS = {
    "discrete": spaces.Discrete(3),
    "multi": spaces.MultiDiscrete([3, 2]),
    "other_multi": spaces.MultiDiscrete([2, 4]),
    "longer_multi": spaces.MultiDiscrete([3, 4, 5]),
    "binary": spaces.MultiBinary(3),
    "box": spaces.Box(-2, 2, (1,), np.float32),
    "wider_box": spaces.Box(np.float32([-5, 0, 0]), np.float32([5, 1, 1])),
}


for name, more in {
    "Line": {"max_episode_steps": 5},
    "Known": {"max_episode_steps": 5, "reward_threshold": 9.0},
    "NoThreshold": {"max_episode_steps": 5, "reward_threshold": float("nan")},
    "Endless": {},
}.items():
    if f"lines/{name}-v0" not in gymnasium.registry:
        gymnasium.register(f"lines/{name}-v0", Line, **more)
for entry in (Acts, Picture):
    if f"lines/{entry.__name__}-v0" not in gymnasium.registry:
        gymnasium.register(f"lines/{entry.__name__}-v0", entry, max_episode_steps=5)


def written(tmp_path, source="lines/Line-v0", target="lines/Known-v0", **settings):
    file = new_pair("mine", source=source, target=target, folder=tmp_path, **settings)
    return file.read_text(), load_study(str(file)).pairs[0].config, file


@pytest.mark.slow
def test_it_is_planned_as_it_is_and_its_numbers_are_the_measured_ones(tmp_path):
    text, config, file = written(tmp_path)
    score = config.score
    episodes = int(text.partition("the mean of ")[2].partition(" ")[0])
    assert score.random == pytest.approx(measure_anchors(config.target, episodes).random, abs=0.004)
    assert (score.worst, score.reference) == (0.0, 9.0)
    # The best that is known of the source is its best constant action: 2 a step.
    assert config.source_threshold_return == pytest.approx(score.random + 0.8 * (10 - score.random), abs=0.005)
    plan = plan_study(load_study(str(file)), Store(tmp_path / "runs"))
    assert plan.notes == ()
    assert {run.arm for run in plan.runs} == {"source", "scratch", "fine_tune", "fine_tune.placebo"}
    assert all(len(line) <= 120 for line in text.splitlines()[1:] if str(file) not in line)


@pytest.mark.slow
def test_numbers_follow_the_environment(tmp_path):
    _, config, _ = written(tmp_path, target="lines/Line-v0", target_kwargs=["scale=-3.0"], reference=-1.5)
    assert (config.score.worst, config.score.reference) == (-30.0, -1.5)
    assert -17 < config.score.random < -13
    assert config.target.kwargs == {"scale": -3.0}
    assert config.source.kwargs == {}


@pytest.mark.slow
def test_its_first_line_names_the_shipped_schema_which_it_obeys(tmp_path):
    text, _, _ = written(tmp_path, target_kwargs=["size=4"])
    address = urlsplit(text.splitlines()[0].partition("$schema=")[2])
    schema = json.loads(Path(url2pathname(address.path)).read_text(encoding="utf-8"))
    assert list(Draft7Validator(schema).iter_errors(yaml.safe_load(text))) == []


def test_without_a_threshold_the_best_that_was_seen_is_the_reference_and_the_file_says_so(tmp_path):
    text, config, _ = written(tmp_path, target="lines/NoThreshold-v0")
    assert config.score.reference == 10.0
    said = " ".join(text.replace("#", "").split())
    assert "reference: a guess, since no threshold is known: the luckiest episode" in said
    assert guessed_reference(config, None) and not guessed_reference(config, 10.0)


def test_a_guess_is_rounded_like_the_other_anchors(tmp_path):
    _, config, _ = written(tmp_path, target="lines/Line-v0", target_kwargs=["scale=0.123456789"])
    assert config.score.reference == pytest.approx(1.23456789, abs=0.0005)
    assert config.score.reference == round(config.score.reference, 4)


@pytest.mark.slow
def test_a_threshold_is_for_the_environments_own_time_limit(tmp_path):
    _, longer, _ = written(tmp_path / "longer", "lines/Known-v0", max_episode_steps=50)
    assert longer.score.reference == 50 * 2.0 and guessed_reference(longer, None)
    _, same, _ = written(tmp_path / "same", "lines/Known-v0", max_episode_steps=5)
    assert same.score.reference == 9.0 and not guessed_reference(same, None)


def test_spaces_of_two_forms_get_a_mapping_that_covers_them(tmp_path):
    text, config, file = written(tmp_path, target_kwargs=["size=200"])
    assert [entry.index if entry else None for entry in config.mapping.observation][:4] == [0, 1, None, None]
    assert len(config.mapping.observation) == 200
    assert config.mapping.action is None
    assert "observation: Box(2) of float32 in the source, Box(200) of float32 in the target" in text
    assert all(len(line) <= 120 for line in text.splitlines()[1:] if str(file) not in line)


@pytest.mark.slow
def test_hyperparameters_are_the_zoo_s_and_what_it_sets_besides_can_not_reach_the_file(tmp_path, monkeypatch):
    folder = tmp_path / "site" / "rl_zoo3" / "hyperparams"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    entry = {"n_timesteps": 5e4, "n_envs": 4, "n_steps": 50, "gamma": 0.9, "env_wrapper": "a\nsource: {id: Evil-v0}"}
    (folder / "ppo.yml").write_text(yaml.safe_dump({"Known-v3": entry}))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "rl_zoo3", raising=False)
    text, config, _ = written(tmp_path)
    assert (config.learner.n_envs, config.learner.n_steps, config.learner.gamma) == (4, 50, 0.9)
    assert "hyperparams/ppo.yml, Known-v3" in config.learner_from
    assert config.budget.target == 50_000
    assert config.source.id == "lines/Line-v0"
    assert "#   not taken over: env_wrapper: a source: {id: Evil-v0}" in text


def acts(tmp_path, source, target, **settings):
    kwargs = {"source_kwargs": source, "target_kwargs": target}
    return written(tmp_path, "lines/Acts-v0", "lines/Acts-v0", reference=20.0, **kwargs, **settings)


PROPOSED_ACTIONS = [
    ("multi", "other_multi", "ppo", "[null, null]"),
    ("multi", "longer_multi", "ppo", "[0, null, null]"),
    ("multi", "discrete", "ppo", "[]"),
    ("multi", "box", "a2c", "[]"),
    ("discrete", "multi", "ppo", "[]"),
    ("binary", "multi", "trpo", "[]"),
    ("box", "other_multi", "ppo", "[]"),
    ("discrete", "binary", "ppo", "[]"),
    ("binary", "box", "a2c", "[]"),
    ("box", "discrete", "trpo", "[]"),
    # What fills the bounds there fills them here; 0 to 1 is no multiple of -2 to 2.
    ("box", "wider_box", "ppo", "[{index: 0, scale: 2.5}, null, null]"),
    ("box", "wider_box", "sac", "[{index: 0, scale: 2.5}, null, null]"),
]


@pytest.mark.parametrize(
    ("source", "target", "algorithm", "proposed"),
    [
        pytest.param(*case, marks=() if place % 4 == 0 else pytest.mark.slow)
        for place, case in enumerate(PROPOSED_ACTIONS)
    ],
)
@pytest.mark.slow
def test_what_is_proposed_for_actions_can_be_run(tmp_path, source, target, algorithm, proposed):
    text, _, file = acts(tmp_path, [f"action={source}"], [f"action={target}"], algorithm=algorithm)
    assert f"  action: {proposed}" in text
    assert plan_study(load_study(str(file)), Store(tmp_path / "runs")).runs


@pytest.mark.slow
def test_keys_that_yaml_would_misread_are_quoted(tmp_path):
    keys = ["1", "on", "x, y", "yes", "a\nb: c", "plain", "ü \U0001f600"]
    texts = [f"keys={json.dumps(keys, ensure_ascii=False)}", "sizes=[2, 2, 2, 2, 2, 2, 2]"]
    text, config, _ = acts(tmp_path, texts, [texts[0], "sizes=[3, 2, 2, 2, 2, 1, 2]"])
    assert {key: entry.source for key, entry in config.mapping.observation.items()} == {key: key for key in keys}
    assert [entry and entry.index for entry in config.mapping.observation["1"].index] == [0, 1, None]
    assert "{from: plain, index: [0]}" in text


@pytest.mark.slow
def test_what_can_not_be_run_is_not_left_behind(tmp_path):
    with pytest.raises(
        ConfigError, match=r"mine\.yaml \(not written\): .*only square images .*: resize them with a wr"
    ):
        written(tmp_path / "new", "lines/Picture-v0", "lines/Picture-v0", target_kwargs=["height=48"], reference=20.0)
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_good_agent_that_nobody_knows_is_not_made_up(tmp_path):
    text, _, _ = written(tmp_path)
    said = " ".join(text.replace("#", "").split())
    assert "no threshold is known: 10 is the best episode of random and constant actions" in said
    assert "Write what a trained source gets." in said
    assert "a good agent 10" not in said
    known, _, _ = written(tmp_path / "known", source="lines/Known-v0")
    assert "a good agent 9." in known and "trained source gets" not in known


def test_a_time_limit_is_for_both_whatever_limits_they_have(tmp_path):
    _, config, _ = written(tmp_path, "lines/Endless-v0", "lines/Line-v0", max_episode_steps=3)
    assert (config.source.max_episode_steps, config.target.max_episode_steps) == (3, 3)
    assert config.score.reference == 3 * 2.0  # not the five steps of the environment's own limit


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"source": "lines/Lime-v0"}, r"^--source: .*did you mean 'lines/Line-v0'"),
        ({"target": "lines/Endless-v0"}, r"^--target: .*no time limit.*\(--max-episode-steps\)"),
        ({"target_kwargs": ["scal=2"]}, r"^--target-kwargs: .*did you mean 'scale'"),
        ({"source_kwargs": ["scale"]}, r"^--source-kwargs: write key=value"),
        ({"source_kwargs": ["scale=1", "scale=2"]}, r"^--source-kwargs: gives scale twice"),
        ({"source_kwargs": ["scale=["]}, r"^--source-kwargs: can't be read as YAML"),
        ({"wrappers": ["revers_actions"]}, r"^--wrapper: .*did you mean 'reverse_actions'"),
        ({"max_episode_steps": 0}, r"^--source: max_episode_steps: "),
        ({"algorithm": "pppo"}, r"^--algorithm: .*did you mean 'ppo'"),
        ({"algorithm": "sac"}, r"^--source: sac can't act in Discrete\(3\): learner.algorithm could be ppo"),
        ({"reference": 1.0}, r"^--reference: 1 is what random actions reach .*what does a good agent get"),
        ({"reference": float("nan")}, r"^--reference: must be a finite number"),
        ({"target_kwargs": ["fails=true"]}, r"^--target: lines/Known-v0 fails .*RuntimeError: first second: mend"),
        ({"target_kwargs": ["scale=0.0"], "target": "lines/Line-v0"}, r"^--reference: .*such as --reference 200"),
    ],
)
def test_what_can_not_be_is_one_line_and_leaves_no_file(tmp_path, settings, says):
    with pytest.raises(ConfigError, match=says) as caught:
        written(tmp_path / "new", **settings)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_file_is_never_overwritten_and_names_are_safe(tmp_path):
    _, _, file = written(tmp_path)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match=r"mine\.yaml: is there already"):
        written(tmp_path)
    assert file.read_bytes() == before
    with pytest.raises(ConfigError, match=r"NAME: '\.\./evil'"):
        new_pair("../evil", source="lines/Line-v0", target="lines/Line-v0", folder=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "target", "settings"),
    [
        ("CartPole-v1", "Acrobot-v1", {}),
        ("Pendulum-v1", "MountainCarContinuous-v0", {"algorithm": "sac"}),
        ("FrozenLake-v1", "FrozenLake8x8-v1", {"algorithm": "dqn"}),
        ("CliffWalking-v1", "Taxi-v4", {"max_episode_steps": 100}),
    ],
)
def test_gymnasium_s_own_can_be_planned(tmp_path, source, target, settings):
    _, config, file = written(tmp_path, source, target, **settings)
    assert config.score.worst <= config.score.random < config.score.reference
    assert plan_study(load_study(str(file)), Store(tmp_path / "runs")).runs
