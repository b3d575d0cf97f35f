"""Demonstrations: the margin loss by hand, what the source plays, and what it makes of a learner."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from builders import (
    arm_spec,
    as_bytes,
    carry_out,
    dqn,
    learner,
    outputs,
    ppo,
    run_spec,
    source_spec,
    status,
    tiny,
    train,
)

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge, Transitions
from rl_transfer.learner import OWN, Minibatch
from rl_transfer.methods import build_methods
from rl_transfer.methods.demonstrations import _MarginLoss, margin_loss
from rl_transfer.run.demonstrations import demonstrate
from rl_transfer.run.export import load_agent
from rl_transfer.run.protocol import Run
from rl_transfer.store import read_json
from rl_transfer.study import MappingConfig, Named, TaskConfig

SEEN = np.random.default_rng(3).normal(size=(50, 2)).astype(np.float32)


def method(algorithm="dqn", **settings):
    return build_methods([Named(name="demonstrations", settings=settings)], algorithm)[0]


@pytest.mark.parametrize(
    ("q", "shown", "loss", "gradient"),
    [
        ([1.0, 2.0, 0.5], 0, 1.8, [-1, 1, 0]),
        ([1.0, 2.0, 0.5], 1, 0.0, [0, 0, 0]),
        ([1.5, 2.0, 0.5], 1, 0.3, [1, -1, 0]),
        ([1.0, 1.0, 1.0], 2, 0.8, [1, 0, -1]),
    ],
)
def test_the_margin_by_hand(q, shown, loss, gradient):
    found, slope = margin_loss(np.array([q]), np.array([shown]), 0.8)
    assert found == pytest.approx(loss)
    assert slope.tolist() == [gradient]


def test_the_margin_against_torch():
    rng = np.random.default_rng(0)
    q, shown = rng.normal(size=(30, 4)), rng.integers(4, size=30)
    loss, gradient = margin_loss(q, shown, 0.5)
    tensor, index = torch.tensor(q, requires_grad=True), torch.as_tensor(shown)[:, None]
    raised = tensor + 0.5 * (1 - torch.zeros_like(tensor).scatter(1, index, 1.0))
    expected = (raised.max(dim=1).values - tensor.gather(1, index)[:, 0]).sum()
    assert loss == pytest.approx(expected.item())
    assert gradient == pytest.approx(torch.autograd.grad(expected, tensor)[0].numpy())


def test_only_demonstrations_have_it_and_it_is_a_mean_over_the_minibatch():
    batch = Minibatch(np.zeros((4, 1)), np.array([[0], [0], [0], [1]]), np.array([OWN, 0, 1, 1]))
    q = np.array([[0.0, 9.0], [0.0, 9.0], [0.0, 1.0], [0.0, 1.0]])
    loss, gradient = _MarginLoss(1, 2.0, 0.8).of_values(batch, q)
    assert loss == pytest.approx(2 / 4 * (1.8 + 0.0))
    assert gradient.tolist() == [[0, 0], [0, 0], [-0.5, 0.5], [0, 0]]
    assert _MarginLoss(2, 2.0, 0.8).of_values(batch, q) is None


def shown_action(action, count=40):
    rng = np.random.default_rng(1)
    seen = rng.normal(size=(count, 2)).astype(np.float32)
    flags = np.zeros(count, np.bool_)
    return Transitions(
        seen, np.full((count, 1), action), np.zeros(count, np.float32), seen, ~flags, flags, np.arange(count)
    )


@pytest.mark.parametrize("algorithm", ["dqn", "qrdqn"])
@pytest.mark.parametrize("action", [0, 1])
def test_a_strong_one_makes_the_learner_act_as_shown(algorithm, action):
    agent = learner(tiny(algorithm, learning_rate=0.02))
    found = method(algorithm, coefficient=30.0, margin=3.0, share=0.5)
    found.attach(agent, Knowledge(demonstrations=shown_action(action)), np.random.default_rng(0))
    train(agent, 320)
    agent.close()
    assert (agent.act(SEEN, deterministic=True) == action).all()
    assert agent.source_samples == 4 * agent.gradient_steps


def test_without_its_weight_they_are_mixed_in_alone():
    agents = [learner(dqn()), learner(dqn())]
    method(coefficient=0.0).attach(agents[0], Knowledge(demonstrations=shown_action(1)), np.random.default_rng(0))
    agents[1].mix_experience(shown_action(1), lambda _: 0.25, np.random.default_rng(0))
    for agent in agents:
        train(agent, 64)
        agent.close()
    assert as_bytes(agents[0].networks()) == as_bytes(agents[1].networks())


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    short = {"grid": (0, 64), "segment_steps": 64}
    configs = {"dqn": dqn(normalize=True), "ppo": ppo()}
    return {name: carry_out(source_spec(config, **short), root) for name, config in configs.items()}


@pytest.mark.parametrize("name", ["dqn", "ppo"])
def test_the_source_plays_its_best_on_its_own_task(name, sources):
    agent = load_agent(sources[name])
    before = torch.get_rng_state()
    with agent.isolated(0):
        found = demonstrate(sources[name], 60, np.random.default_rng(5))
        again = demonstrate(sources[name], 60, np.random.default_rng(5))
        other = demonstrate(sources[name], 60, np.random.default_rng(6))
    assert torch.equal(torch.get_rng_state(), before)
    shown = found.transitions
    assert found.costs == {"demonstration_steps": 60}
    assert all(np.array_equal(array, again.transitions.arrays()[key]) for key, array in shown.arrays().items())
    assert not np.array_equal(shown.observation_N, other.transitions.observation_N)
    assert np.array_equal(agent.act(shown.observation_N, deterministic=True), shown.action_N[:, 0])
    agent.close()
    ended = shown.terminated_N | shown.truncated_N
    assert not (shown.terminated_N & shown.truncated_N).any()
    assert ended[-1]
    assert 4 <= ended.sum() < 40
    for now, after in pairwise(range(60)):
        assert np.array_equal(shown.next_observation_N[now], shown.observation_N[after]) != ended[now]
    right = (shown.observation_N[:, 0] > 0).astype(int)
    assert np.array_equal(shown.reward_N, (shown.action_N[:, 0] == right).astype(np.float32)), "the walk's"


@pytest.mark.slow
def test_they_are_mapped_scrambled_and_counted(sources, tmp_path):
    source, setting = sources["dqn"], ("demonstrations", {"steps": 50})
    config, mapping = dqn(normalize=True), MappingConfig(observation=[1, 0], action=[1, 0])

    def knowledge(*, scrambled=False, **changes):
        spec = arm_spec(run_spec(config, **changes), source, setting, scrambled=scrambled)
        run = Run(spec, tmp_path, source, print)
        fresh = run._learner(log=False)
        found = run._read_knowledge(fresh)
        fresh.close()
        assert found.experience is None
        return found.demonstrations

    plain, mapped, placebo = knowledge(), knowledge(mapping=mapping), knowledge(scrambled=True)
    assert np.array_equal(mapped.observation_N, plain.observation_N[:, ::-1])
    assert np.array_equal(mapped.action_N, 1 - plain.action_N)
    assert np.array_equal(placebo.observation_N, plain.observation_N)
    assert sorted(placebo.reward_N) == sorted(plain.reward_N)
    assert not np.array_equal(placebo.next_observation_N, plain.next_observation_N)

    spec = arm_spec(run_spec(config), source, setting)
    whole = carry_out(spec, tmp_path / "whole", source)
    costs = read_json(whole / "costs.json")
    assert costs["demonstration_steps"] == costs["carried_transitions"] == 50
    assert costs["source_samples"] == 2 * costs["gradient_steps"]
    assert costs["target_steps"] == 128
    carry_out(spec, tmp_path / "stopped", source, stop_after_segment=1)
    assert outputs(carry_out(spec, tmp_path / "stopped", source)) == outputs(whole)
    scratch = carry_out(run_spec(config), tmp_path / "scratch")
    assert "demonstration_steps" not in read_json(scratch / "costs.json")
    table = (whole / "transfer.csv").read_text().splitlines()
    assert table[1].startswith("demonstrations,experience,50,50,copied,no,")
    assert table[1].endswith('"0.25 of every minibatch, with the margin loss times 1"')


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"steps": 0}, "steps"),
        ({"share": 1.1}, "share"),
        ({"share": 0.0}, "share"),
        ({"coefficient": -1.0}, "coefficient"),
        ({"margin": -1.0}, "margin"),
    ],
)
def test_bad_settings_are_named(settings, expected):
    with pytest.raises(ConfigError) as caught:
        method(**settings)
    assert caught.value.key == f"0.demonstrations.{expected}"


def test_what_cannot_be_together_is_refused():
    with pytest.raises(ConfigError, match="the transitions that demonstrations carries hold rewards that shaping"):
        build_methods([Named(name="shaping"), Named(name="demonstrations")], "dqn")
    with pytest.raises(ConfigError, match="demonstrations decides what demonstrations does"):
        build_methods([Named(name="demonstrations"), Named(name="demonstrations")], "dqn")


@pytest.mark.parametrize("replay", [{"share": 0.8}, {"share": 0.1, "share_end": 0.8, "decay_steps": 10}])
def test_shares_of_more_than_a_whole_minibatch_are_refused(replay):
    both = [Named(name="replay", settings=replay), Named(name="demonstrations", settings={"share": 0.3})]
    with pytest.raises(ConfigError, match=r"replay \(0\.8\) and demonstrations \(0\.3\) can't fill more") as caught:
        build_methods(both, "dqn")
    assert caught.value.key == "1.demonstrations.share"
    assert build_methods([both[0], Named(name="demonstrations", settings={"share": 0.2})], "dqn")


def test_a_sham_source_shows_what_it_was_trained_on(tmp_path):
    source = carry_out(source_spec(dqn(), sham=True, grid=(0, 64), segment_steps=64), tmp_path)
    shown = demonstrate(source, 200, np.random.default_rng(0)).transitions
    assert not shown.terminated_N.any() and shown.truncated_N.any()
    right = (shown.observation_N[:, 0] > 0).astype(int)
    assert not np.array_equal(shown.reward_N, (shown.action_N[:, 0] == right).astype(np.float32))


@pytest.mark.slow
def test_a_source_task_that_fails_then_ends_the_run(tmp_path):
    failing = TaskConfig(id="probes:Fails-v0", kwargs={"at": 70})
    source = carry_out(source_spec(dqn(), task=failing, segment_steps=64), tmp_path)
    folder = carry_out(arm_spec(run_spec(dqn()), source, ("demonstrations", {"steps": 100})), tmp_path, source)
    assert status(folder)["outcome"] == "environment_failed"
    assert "the floor gave way" in status(folder)["message"]
    assert read_json(folder / "costs.json")["target_steps"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("target", ["dqn", "qrdqn"])
def test_of_images(target, tmp_path):
    task = TaskConfig(id="picture_envs:pictures/Bytes-v0")
    source = carry_out(source_spec(ppo(n_epochs=1), task=task, grid=(0, 32), segment_steps=32), tmp_path)
    spec = arm_spec(run_spec(tiny(target), task=task), source, ("demonstrations", {"steps": 20}))
    costs = read_json(carry_out(spec, tmp_path, source) / "costs.json")
    assert costs["carried_transitions"] == 20
