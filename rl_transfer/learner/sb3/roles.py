"""From Stable-Baselines3's tensor names to roles; copying is by name, never by position."""

import re
from collections.abc import Iterable

from rl_transfer.knowledge import Role

# The first pattern that matches wins. None: a copy or an alias of another tensor, which has the role.
_POLICY_GRADIENT: tuple[tuple[str, Role | None], ...] = (
    (r"features_extractor\.(.+)", "features"),
    (r"(?:pi|vf)_features_extractor\..+", None),
    (r"mlp_extractor\.policy_net\.(.+)", "policy_body"),
    (r"mlp_extractor\.value_net\.(.+)", "value_body"),
    (r"action_net\.(.+)", "policy_head"),
    (r"value_net\.(.+)", "value_head"),
    (r"(log_std)", "exploration"),
)
_Q_NETWORK: tuple[tuple[str, Role | None], ...] = (
    (r"q_net_target\..+", None),
    (r"q_net\.features_extractor\.(.+)", "features"),
    (r"q_net\.q_net\.(\d+\..+)", "value_body"),
)
_PATTERNS = {"ppo": _POLICY_GRADIENT, "dqn": _Q_NETWORK}


def assign_roles(algorithm: str, tensors: Iterable[str]) -> dict[str, tuple[Role, str] | None]:
    """Give every tensor of a policy's state dictionary its role and its name within that role.

    Args:
        algorithm: Lower-case name of the algorithm.
        tensors: Names of the state dictionary.

    Returns:
        By tensor its role and name; None for aliases and for copies that follow another tensor.

    Raises:
        KeyError: If a tensor has no role: the library's layout changed.
    """
    assigned: dict[str, tuple[Role, str] | None] = {}
    for tensor in tensors:
        for pattern, role in _PATTERNS[algorithm]:
            if match := re.fullmatch(pattern, tensor):
                assigned[tensor] = None if role is None else (role, match[1])
                break
        else:
            raise KeyError(f"{algorithm}: tensor {tensor!r} has no role")
    if algorithm == "dqn":
        _split_off_head(assigned)
    return assigned


def _split_off_head(assigned: dict[str, tuple[Role, str] | None]) -> None:
    """A Q-network is one sequence of layers: its last layer is the head."""
    body = {tensor: place[1] for tensor, place in assigned.items() if place is not None and place[0] == "value_body"}
    if not body:
        raise KeyError("a Q-network without layers")
    last = max(int(name.split(".")[0]) for name in body.values())
    for tensor, name in body.items():
        layer, _, parameter = name.partition(".")
        if int(layer) == last:
            assigned[tensor] = ("value_head", parameter)
