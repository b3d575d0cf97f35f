"""Gymnasium's methods with constants of one's own.

Gymnasium's Box2D tasks keep their physics in module constants, which their methods read as globals. Changing the module
would change every environment of the process, so a method is given a globals dictionary of its own instead: same code,
other numbers.
"""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, cast


def with_constants(method: Callable[..., Any], constants: Mapping[str, object]) -> Callable[..., Any]:
    """A function with the code of a method that sees other values of some globals of its module.

    Args:
        method: A function defined in Python, such as `LunarLander.step`.
        constants: New values by the names of the module's constants.

    Returns:
        The function, unbound: its first argument is the instance. It sees the module as it is now; later changes of
        the module don't reach it, and it changes nothing in the module.

    Raises:
        ValueError: The module has no such constant.
    """
    function = cast(FunctionType, method)
    unknown = constants.keys() - function.__globals__.keys()
    if unknown:
        raise ValueError(f"{function.__module__} has no constants {', '.join(sorted(unknown))}")
    own = FunctionType(
        function.__code__,
        {**function.__globals__, **constants},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    own.__kwdefaults__ = function.__kwdefaults__
    return own
