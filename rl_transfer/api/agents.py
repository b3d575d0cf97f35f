"""Finished agents."""

from pathlib import Path

from rl_transfer.learner import ActorFormat
from rl_transfer.store import Store, find_run


def export_actor(
    run: str | Path,
    form: ActorFormat,
    *,
    store: str | Path = "runs",
    output: str | Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a finished run's deterministic actor, with what normalises observations inside, as one file.

    It needs neither rl_transfer nor the libraries that trained it; :func:`rl_transfer.learner.actor_file` says what
    goes in and out.

    Args:
        run: The run's folder, or its name as ``rl-transfer runs`` prints it (the key may be left out).
        form: ``onnx``, or ``torch`` for what :func:`torch.export.load` reads.
        store: Folder of runs and results, for names.
        output: The file; ``actor.onnx`` or ``actor.pt2`` in the run's agent folder by default.
        overwrite: Replace the file where it has another content.

    Returns:
        The file.

    Raises:
        ConfigError: If there is no such run, it has no finished agent, the file is there, or a package is missing.
        StoreError: If the agent can't be read, or the file not be written.
    """
    from rl_transfer.run.export import export_run

    folder = find_run(str(run), Store(Path(store).absolute()))
    return export_run(folder, form, None if output is None else Path(output), overwrite=overwrite)
