"""From Stable-Baselines3's tensor names to roles; copying is by name, never by position."""

import re
from collections.abc import Iterable

from rl_transfer.knowledge import Role

Place = tuple[Role, str]
_Rule = tuple[str, Role | None, str]
"""A pattern, the role of what matches, and its name there; no role for aliases, and for copies that follow another."""

_ACTOR_CRITIC: tuple[_Rule, ...] = (
    (r"mlp_extractor\.policy_net\.(.+)", "policy_body", r"\1"),
    (r"mlp_extractor\.value_net\.(.+)", "value_body", r"\1"),
    (r"action_net\.(.+)", "policy_head", r"\1"),
    (r"value_net\.(.+)", "value_head", r"\1"),
    (r"log_std", "exploration", "log_std"),
)
_Q_NETWORK: tuple[_Rule, ...] = (
    (r"(?:q_net|quantile_net)_target\..+", None, ""),
    (r"(?:q_net|quantile_net)\.features_extractor\.(.+)", "features", r"\1"),
    (r"(?:q_net\.q_net|quantile_net\.quantile_net)\.(.+)", "value_body", r"\1"),
)
_ACTOR_Q: tuple[_Rule, ...] = (
    (r"(?:actor|critic)_target\..+", None, ""),
    (r"critic\.(qf\d+)\.(.+)", "value_body", r"\1.\2"),
)
_SQUASHED_GAUSSIAN: tuple[_Rule, ...] = (
    *_ACTOR_Q,
    (r"actor\.latent_pi\.(.+)", "policy_body", r"\1"),
    (r"actor\.mu\.(?:0\.)?(weight|bias)", "policy_head", r"\1"),  # with gSDE, a clipping layer comes after it
    (r"actor\.(log_std(?:\..+)?)", "exploration", r"\1"),
)
_DETERMINISTIC: tuple[_Rule, ...] = (*_ACTOR_Q, (r"actor\.mu\.(.+)", "policy_body", r"\1"))

_RULES: dict[str, tuple[_Rule, ...]] = {
    "ppo": _ACTOR_CRITIC,
    "a2c": _ACTOR_CRITIC,
    "trpo": _ACTOR_CRITIC,
    "dqn": _Q_NETWORK,
    "qrdqn": _Q_NETWORK,
    "sac": _SQUASHED_GAUSSIAN,
    "tqc": _SQUASHED_GAUSSIAN,
    "td3": _DETERMINISTIC,
    "ddpg": _DETERMINISTIC,
}
_ACTOR_CRITIC_FEATURES: dict[bool, tuple[_Rule, ...]] = {
    True: (
        (r"(?:pi|vf)_features_extractor\..+", None, ""),
        (r"features_extractor\.(.+)", "features", r"\1"),
    ),
    False: (
        (r"features_extractor\..+", None, ""),
        (r"pi_features_extractor\.(.+)", "features", r"policy.\1"),
        (r"vf_features_extractor\.(.+)", "features", r"value.\1"),
    ),
}
_ACTOR_Q_FEATURES: dict[bool, tuple[_Rule, ...]] = {
    True: (
        (r"critic\.features_extractor\..+", None, ""),
        (r"actor\.features_extractor\.(.+)", "features", r"\1"),
    ),
    False: (
        (r"actor\.features_extractor\.(.+)", "features", r"policy.\1"),
        (r"critic\.features_extractor\.(.+)", "features", r"value.\1"),
    ),
}
# Where body and head are one sequence of layers, the last layer is the head.
_SEQUENCES: dict[Role, Role] = {"policy_body": "policy_head", "value_body": "value_head"}


def assign_roles(algorithm: str, tensors: Iterable[str], *, shared_features: bool = True) -> dict[str, Place | None]:
    """Give every tensor of a policy's state dictionary its role and its name within that role.

    Args:
        algorithm: Lower-case name of the algorithm.
        tensors: Names of the state dictionary.
        shared_features: Whether policy and value have one feature extractor; the tensors of two are called
            ``policy.…`` and ``value.…``.

    Returns:
        By tensor its role and name; None for aliases and for copies that follow another tensor.

    Raises:
        KeyError: If a tensor has no role: the library's layout changed.
    """
    rules = _rules(algorithm, shared_features)
    assigned = {tensor: _place(algorithm, rules, tensor) for tensor in tensors}
    for body, head in _SEQUENCES.items():
        if not any(place is not None and place[0] == head for place in assigned.values()):
            _split_off_heads(assigned, body, head)
    return assigned


def twin_features(tensors: Iterable[str]) -> list[tuple[str, str]]:
    """The feature tensors of policy and value, as pairs of names; equal ones are one extractor's, listed twice."""
    names = set(tensors)
    twins = (("pi_features_extractor.", "vf_features_extractor."), ("actor.features_", "critic.features_"))
    return [
        (name, other)
        for ours, theirs in twins
        for name in names
        if name.startswith(ours) and (other := theirs + name.removeprefix(ours)) in names
    ]


def _rules(algorithm: str, shared_features: bool) -> tuple[_Rule, ...]:
    rules = _RULES[algorithm]
    if rules is _ACTOR_CRITIC:
        return _ACTOR_CRITIC_FEATURES[shared_features] + rules
    return rules if rules is _Q_NETWORK else _ACTOR_Q_FEATURES[shared_features] + rules


def _place(algorithm: str, rules: tuple[_Rule, ...], tensor: str) -> Place | None:
    for pattern, role, name in rules:
        if match := re.fullmatch(pattern, tensor):
            return None if role is None else (role, match.expand(name))
    raise KeyError(f"{algorithm}: tensor {tensor!r} has no role")


def _split_off_heads(assigned: dict[str, Place | None], body: Role, head: Role) -> None:
    """Move the last layer of every sequence (each critic is one of its own) from the body to the head."""
    layers: dict[str, list[tuple[int, str, str]]] = {}
    for tensor, place in assigned.items():
        if place is not None and place[0] == body:
            match = re.fullmatch(r"(qf\d+\.|)(\d+)\.(.+)", place[1])
            if match is None:
                raise KeyError(f"tensor {tensor!r} is no layer of a sequence")
            layers.setdefault(match[1], []).append((int(match[2]), tensor, match[1] + match[3]))
    for found in layers.values():
        last = max(layer for layer, _, _ in found)
        for layer, tensor, name in found:
            if layer == last:
                assigned[tensor] = (head, name)
