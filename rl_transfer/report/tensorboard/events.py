"""One TensorBoard event file, made in memory: the same content gives the same bytes and the same name."""

import hashlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import (  # type: ignore[import-untyped]
    event_pb2,
    summary_pb2,
    tensor_pb2,
    tensor_shape_pb2,
)
from tensorboard.plugins.custom_scalar import metadata as layout_metadata  # type: ignore[import-untyped]
from tensorboard.plugins.hparams import metadata as hparams_metadata  # type: ignore[import-untyped]
from tensorboard.plugins.text import metadata as text_metadata  # type: ignore[import-untyped]
from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]

_VERSION = "brain.Event:2"
_Value = summary_pb2.Summary.Value
_Shape = tensor_shape_pb2.TensorShapeProto


class EventFile:
    """What one TensorBoard run is to show, written as a whole at the end.

    Args:
        wall_time: When it happened as TensorBoard tells it, in seconds since 1970; one time for all of it.
    """

    def __init__(self, wall_time: float) -> None:
        self._wall_time = wall_time
        self._content = BytesIO()
        self._records = RecordWriter(self._content)
        self._add(file_version=_VERSION)

    def _add(self, **fields: Any) -> None:
        self._records.write(event_pb2.Event(wall_time=self._wall_time, **fields).SerializeToString())

    def _summary(self, step: int, *values: Any) -> None:
        self._add(step=step, summary=summary_pb2.Summary(value=values))

    def scalars(self, step: int, numbers: Mapping[str, float]) -> None:
        """Add numbers by tag at one step."""
        self._summary(step, *(_Value(tag=tag, simple_value=float(number)) for tag, number in numbers.items()))

    def text(self, tag: str, markdown: str) -> None:
        """Add a text, in Markdown."""
        metadata = text_metadata.create_summary_metadata(display_name=tag, description="")
        self._summary(0, _Value(tag=tag, metadata=metadata, tensor=_strings(markdown.encode(), axes=1)))

    def image(self, tag: str, png: bytes) -> None:
        """Add a picture, as the bytes of a PNG file."""
        width, height = (int.from_bytes(png[start : start + 4]) for start in (16, 20))  # its header, always there
        image = summary_pb2.Summary.Image(height=height, width=width, colorspace=4, encoded_image_string=png)
        self._summary(0, _Value(tag=tag, image=image))

    def layout(self, layout: Any) -> None:
        """Add a layout of the custom scalars."""
        metadata = layout_metadata.create_summary_metadata()
        content = _strings(layout.SerializeToString(), axes=0)
        self._summary(0, _Value(tag=layout_metadata.CONFIG_SUMMARY_TAG, metadata=metadata, tensor=content))

    def hparams(self, tag: str, content: Any) -> None:
        """Add what the hyperparameters' view reads: an experiment, or the start or end of a session."""
        metadata = hparams_metadata.create_summary_metadata(content)
        self._summary(0, _Value(tag=tag, metadata=metadata, tensor=hparams_metadata.NULL_TENSOR))

    def write(self, folder: Path, after: float) -> Path:
        """Write the file into a TensorBoard run's folder, made if need be.

        A running TensorBoard reads a file on from where it was, whatever became of its content: other content needs
        another name. Files of a folder are read in the order of their names, which begin with a time.

        Args:
            folder: The folder.
            after: Files that were made up to this time, in seconds since 1970, come before it.

        Returns:
            The file.

        Raises:
            OSError: If it can't be written.
        """
        content = self._content.getvalue()
        digest = hashlib.sha256(content).hexdigest()[:12]
        path = folder / f"events.out.tfevents.{int(after) + 1:010d}.{digest}"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


def _strings(content: bytes, *, axes: int) -> Any:
    """One byte string as a tensor with this many axes."""
    shape = _Shape(dim=[_Shape.Dim(size=1)] * axes)
    return tensor_pb2.TensorProto(dtype="DT_STRING", string_val=[content], tensor_shape=shape)
