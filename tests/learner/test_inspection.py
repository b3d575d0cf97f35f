"""What a learner says of a batch besides its actions: its last hidden layer, its values."""

import numpy as np
import pytest
from builders import WALK, forward, learner, ppo, tasks_of, tiny, train

from rl_transfer.learner import LOSS_PATHS
from rl_transfer.study import LEARNERS
from rl_transfer.study.learners import NormalizeConfig

CASES = [(algorithm, task) for algorithm in sorted(LOSS_PATHS) for task in tasks_of(algorithm)]
OBSERVATIONS = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)


@pytest.fixture(params=CASES, ids=[f"{algorithm}-{'box' if task.kwargs else 'discrete'}" for algorithm, task in CASES])
def agent(request):
    algorithm, task = request.param
    made = learner(tiny(algorithm), task)
    yield made
    made.close()


def head(agent, role, hidden):
    layer = agent.networks()[role]
    return hidden @ layer["weight"].T + layer["bias"]


def quantile_means(agent, output):
    count = agent._config.n_quantiles if agent.algorithm == "qrdqn" else 1
    return output.reshape(len(output), count, -1).mean(axis=1)


def test_the_last_hidden_layer_is_what_the_actions_are_read_from(agent):
    hidden = agent.features_of(OBSERVATIONS)
    assert hidden.shape == (20, 8) and hidden.dtype == np.float64
    actions = agent.act(OBSERVATIONS, deterministic=True)
    if "policy" not in LOSS_PATHS[agent.algorithm]:
        expected = quantile_means(agent, head(agent, "value_head", hidden)).argmax(axis=1)
    elif LEARNERS[agent.algorithm].off_policy:
        expected = np.tanh(head(agent, "policy_head", hidden))
    else:
        output = head(agent, "policy_head", hidden)
        expected = output.argmax(axis=1) if actions.ndim == 1 else output.clip(-1, 1)
    np.testing.assert_allclose(actions, expected, atol=1e-5)


def critics(agent, actions):
    """Each critic's Q by NumPy alone, quantiles averaged; critics x B."""
    body, last = agent.networks()["value_body"], agent.networks()["value_head"]
    found = []
    for critic in sorted({name.split(".")[0] for name in last}):
        inputs = np.concatenate([OBSERVATIONS, actions], axis=1)
        hidden = np.maximum(inputs @ body[f"{critic}.0.weight"].T + body[f"{critic}.0.bias"], 0)
        found.append((hidden @ last[f"{critic}.weight"].T + last[f"{critic}.bias"]).mean(axis=1))
    return np.stack(found)


def test_values_are_those_of_the_networks(agent):
    values = agent.values_of(OBSERVATIONS)
    assert values.shape == (20,) and values.dtype == np.float64
    if "policy" not in LOSS_PATHS[agent.algorithm]:
        output = head(agent, "value_head", agent.features_of(OBSERVATIONS))
        expected = quantile_means(agent, output).max(axis=1)
    elif LEARNERS[agent.algorithm].off_policy:
        expected = critics(agent, agent.act(OBSERVATIONS, deterministic=True)).min(axis=0)
    else:
        expected = forward(agent.networks(), "value", OBSERVATIONS)[:, 0]
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


def test_asking_changes_neither_the_agent_nor_its_randomness(agent):
    def sampled():
        with agent.isolated(3):
            return agent.act(OBSERVATIONS, deterministic=False)

    before = sampled()
    with agent.isolated(3):
        agent.features_of(OBSERVATIONS)
        agent.values_of(OBSERVATIONS)
        np.testing.assert_array_equal(agent.act(OBSERVATIONS, deterministic=False), before)


def test_observations_are_normalised_as_for_acting():
    trained, plain = learner(ppo(normalize=NormalizeConfig(observation=True)), WALK), learner(ppo(), WALK)
    train(trained, 64)
    plain.load_networks(trained.networks())
    moments = trained.statistics().observation[""]
    seen = (OBSERVATIONS - moments.mean) / np.sqrt(moments.var + 1e-8)
    for ask in ("features_of", "values_of"):
        given, raw = getattr(trained, ask)(OBSERVATIONS), getattr(plain, ask)(OBSERVATIONS)
        np.testing.assert_allclose(given, getattr(plain, ask)(seen.astype(np.float32)), atol=1e-5)
        assert not np.allclose(given, raw, atol=1e-3)
    trained.close()
    plain.close()
