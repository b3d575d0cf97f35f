"""What runs log beside their curves, and that it changes nothing else."""

from functools import cache

import numpy as np
import pytest
from builders import Oracle, arm_spec, carry_out, dqn, flat, learner, outputs, ppo, run_spec, source_spec, tiny, train
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rl_transfer.knowledge import ROLES, Categorical, Knowledge, read_networks
from rl_transfer.learner import RecentEpisodes
from rl_transfer.run.signals import Signals, distances, keep_references, kept_signals, value_error
from rl_transfer.study import ScoreConfig

FAMILIES = ("distance_from_start", "distance_from_source", "gradient_norm", "policy", "value", "features", "share")
ANCHORS = ScoreConfig(random=-100.0, reference=10.0, worst=-100.0)
ARMS = {
    "ppo": (ppo(normalize=True), ["fine_tune", "shaping"]),
    "dqn": (dqn(n_step_returns=3), ["fine_tune", ("replay", {"share": 0.3}), ("jump_start", {"variant": "random"})]),
    "a2c": (tiny("a2c"), ["fine_tune", "kickstart"]),
    "trpo": (tiny("trpo"), ["fine_tune"]),
    "qrdqn": (tiny("qrdqn"), ["fine_tune", "demonstrations"]),
    "sac": (tiny("sac", normalize=True), ["fine_tune", "replay", "kickstart", "elastic_weights"]),
    "tqc": (tiny("tqc"), ["fine_tune", ("replay", {"share": 0.5})]),
    "td3": (tiny("td3"), ["fine_tune", "shaping"]),
    "ddpg": (tiny("ddpg"), ["l2_start_point", ("policy_reuse", {"deterministic": False})]),
    "ppo-led": (ppo(normalize=True), ["fine_tune", ("jump_start", {"horizon": 6, "stages": 3, "window": 2})]),
}


@pytest.fixture(scope="module")
def source_of(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    return cache(lambda config: carry_out(source_spec(config), root))


def scalars(folder):
    """By tag steps and values, in the order in which TensorBoard reads them, without the clock's."""
    found = EventAccumulator(str(folder / "events"), {"scalars": 0}).Reload()
    tags = [tag for tag in found.Tags()["scalars"] if not tag.startswith("time/")]
    return {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in tags}


def is_signal(tag):
    return tag.split("/")[0] in FAMILIES


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ("ppo", "dqn") else pytest.mark.slow) for name in ARMS]
)
def test_they_change_nothing_and_none_is_left_out(name, source_of, tmp_path, capsys):
    config, methods = ARMS[name]
    source = source_of(config)
    spec = arm_spec(run_spec(config, anchors=ANCHORS), source, *methods)
    with_them = carry_out(spec, tmp_path / "with", source)
    without = carry_out(spec, tmp_path / "without", source, signals=False)
    assert outputs(with_them) == outputs(without)
    found, rest = scalars(with_them), scalars(without)
    assert {tag: found[tag] for tag in found if not is_signal(tag)} == rest
    assert "left out" not in capsys.readouterr().out
    for tag in filter(is_signal, found):
        steps = [step for step, _ in found[tag]]
        assert steps == sorted(set(steps)) and set(steps) <= set(spec.grid), tag
    roles = [role for role in ROLES if learner_roles(with_them)[role]]
    trained = [role for role in roles if config.algorithm != "trpo" or role.startswith("value")]
    for family, having in (("distance_from_start", roles), ("distance_from_source", roles), ("gradient_norm", trained)):
        assert {f"{family}/{role}" for role in having} <= set(found), family
    assert ("policy/entropy" in found) == (config.algorithm not in ("td3", "ddpg"))
    asked = {"shaping", "jump_start", "kickstart", "policy_reuse"} & {
        one if isinstance(one, str) else one[0] for one in methods
    }
    assert ("policy/teacher_agreement" in found) == bool(asked)
    assert {"value/error", "features/dead_units", "features/effective_rank"} <= set(found)


def learner_roles(folder):
    return read_networks(folder / "agent" / "networks.safetensors")


@pytest.mark.slow
def test_what_is_carried_starts_at_the_source(source_of, tmp_path):
    source = source_of(ppo())
    spec = arm_spec(run_spec(), source, ("fine_tune", {"roles": ["policy_body"], "freeze": ["policy_body"]}))
    found = scalars(carry_out(spec, tmp_path, source))
    assert {value for _, value in found["distance_from_source/policy_body"]} == {0.0}
    ends = learner_roles(source), learner_roles(carry_out(spec, tmp_path, source))
    expected = distances(ends[1], ends[0])["value_head"]
    assert found["distance_from_source/value_head"][-1] == (128, pytest.approx(expected))
    assert found["distance_from_source/value_head"][0][1] > 0
    assert found["distance_from_start/value_head"][0] == (0, 0.0)
    assert found["distance_from_start/value_head"][-1][1] > 0


NOTHING = {role: {} for role in ROLES}


class TestFormulas:
    def test_distances_by_hand(self):
        weights = {"0.weight": np.array([[3.0, 4.0]]), "running_var": np.array([100.0]), "other": np.ones(2)}
        theirs = NOTHING | {"features": weights, "exploration": {"log_std": np.array([0.0, 0.0])}}
        moved = {"0.weight": np.array([[3.0, 5.0]]), "running_var": np.array([7.0]), "other": np.ones(3)}
        ours = NOTHING | {"features": moved, "exploration": {"log_std": np.array([0.3, -0.4])}}
        assert distances(ours, theirs) == pytest.approx({"features": 1 / 5, "exploration": 0.5})

    def test_of_a_reference_of_zeros_there_is_none(self):
        one = NOTHING | {"value_head": {"bias": np.ones(2)}}
        assert distances(one, NOTHING | {"value_head": {"bias": np.zeros(2)}}) == {}

    def test_the_value_s_error_by_hand(self):
        episodes = RecentEpisodes(None, None, return_E=np.array([10.0, 4.0]), rest_E=np.array([0.0, 0.5]))
        # 2 * 3 misses 10 by 4; 2 * (4 - 0.5 * 2) misses 4 by 2.
        found = value_error(np.array([3.0, 4.0]), np.array([9.0, 2.0]), episodes, 2.0)
        assert found == pytest.approx(np.sqrt((16 + 4) / 2))


class _Recorder:
    """A learner whose log is a list."""

    def __init__(self, agent):
        self.agent, self.logged = agent, []
        self.record = lambda tag, value, step: self.logged.append((tag, value, step))

    def __getattr__(self, name):
        return getattr(self.agent, name)


@pytest.fixture
def trained():
    agent = learner(ppo())
    agent.keep_account()
    train(agent, 64)
    yield _Recorder(agent)
    agent.close()


class TestRecording:
    def test_agreement_with_each_of_several_teachers_costs_no_calls(self, trained):
        ours = trained.distribution_of
        same, other = Oracle(policy=ours), Oracle(policy=lambda o: Categorical(-ours(o).logits_BK, (2,)))
        Signals(None, {}, {"near": same, "far": other}).record(trained, 64)
        values = {tag: value for tag, value, _ in trained.logged}
        assert values["policy/teacher_agreement/near"] == 1.0
        assert values["policy/teacher_agreement/far"] == 0.0
        assert same.calls == other.calls == 0

    def test_one_that_fails_is_told_once_and_the_others_go_on(self, trained, capsys):
        signals = Signals(None, {}, {"source": Oracle(policy=lambda _: 1 / 0)})
        for step in (64, 65):
            signals.record(trained, step)
        (line,) = capsys.readouterr().out.splitlines()
        assert line == "signals teacher agreement left out from step 64 on: division by zero"
        assert {step for tag, _, step in trained.logged if tag == "policy/entropy"} == {64, 65}

    def test_what_is_not_finite_is_left_out(self, trained):
        networks = trained.networks()
        values = {name: np.full_like(array, np.inf) for name, array in networks["value_head"].items()}
        Signals(networks | {"value_head": values}, {}, {}).record(trained, 64)
        assert "distance_from_start/policy_body" in {tag for tag, _, _ in trained.logged}
        assert all(np.isfinite(value) for _, value, _ in trained.logged)

    def test_randomness_is_left_as_it_was(self, trained):
        import torch

        before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
        parameters = flat(trained.networks())
        Signals(trained.networks(), {}, {}).record(trained, 64)
        assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before  # noqa: NPY002
        assert all(np.array_equal(array, parameters[name]) for name, array in flat(trained.networks()).items())


def test_references_are_kept_by_source(trained, tmp_path):
    networks = trained.networks()
    knowledge = Knowledge(name="a", networks=networks, others={"b.c": Knowledge(name="b.c", networks=networks)})
    keep_references(tmp_path, trained, knowledge)
    kept_signals(tmp_path, Knowledge()).record(trained, 64)
    tags = {tag for tag, _, _ in trained.logged if tag.startswith("distance")}
    roles = [role for role in ROLES if networks[role]]
    expected = {f"distance_from_start/{role}" for role in roles}
    assert tags == expected | {f"distance_from_source/{role}/{name}" for role in roles for name in ("a", "b.c")}
