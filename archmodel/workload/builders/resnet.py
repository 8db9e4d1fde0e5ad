"""Residual convolutional networks with bottleneck blocks (ResNet-50 v1.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archmodel.inputs import SCHEMA
from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders import Builder, Yield, register
from archmodel.workload.builders.layers import check_model, check_resolution, elementwise, linear
from archmodel.workload.operators.conv import Conv2d
from archmodel.workload.operators.reduction import Reduction
from archmodel.workload.settings import Count, RunSettings


@dataclass(frozen=True, slots=True)
class ResNetModel:
    """Hyper-parameters of a ResNet; lists have one entry per stage.

    Parameters
    ----------
    image_channels, stem_channels
        Channels of the image and of the first convolution.
    n_blocks, channels
        Blocks of each stage, and the width of their 3×3 convolutions.
    expansion
        Output channels of a block over its width.
    n_classes
        Outputs of the classifier.
    """

    __pydantic_config__: ClassVar = SCHEMA
    image_channels: Count
    stem_channels: Count
    n_blocks: tuple[Count, ...]
    channels: tuple[Count, ...]
    expansion: Count
    n_classes: Count


@dataclass(frozen=True, slots=True)
class _Map:
    """A feature map: tensor name, channels and edge."""

    name: str
    channels: int
    edge: int


def _conv(b: TraceBuilder, name: str, x: _Map, channels: int, *, batch: int, kernel: int, stride: int = 1) -> _Map:
    """Convolve; the batch normalisation behind it is folded in: a scale in the kernel, an offset in the bias."""
    b.input(f"{name}.scale", (channels,), role="weight")
    op = Conv2d(
        batch=batch,
        in_channels=x.channels,
        out_channels=channels,
        height=x.edge,
        width=x.edge,
        kernel=kernel,
        stride=stride,
        has_bias=True,
    )
    return _Map(b.add(name, op, x.name), channels, x.edge // stride)


def _relu(b: TraceBuilder, name: str, x: _Map, batch: int) -> _Map:
    y = elementwise(b, name, "relu", batch * x.edge**2 * x.channels, x.name)
    return _Map(y, x.channels, x.edge)


def _block(b: TraceBuilder, x: _Map, width: int, expansion: int, *, batch: int, stride: int) -> _Map:
    """Bottleneck: 1×1, 3×3 (with the stride, hence v1.5) and 1×1 convolution around a shortcut."""
    y = _relu(b, "relu1", _conv(b, "conv1", x, width, batch=batch, kernel=1), batch)
    y = _relu(b, "relu2", _conv(b, "conv2", y, width, batch=batch, kernel=3, stride=stride), batch)
    y = _conv(b, "conv3", y, width * expansion, batch=batch, kernel=1)
    if x.channels != y.channels:
        x = _conv(b, "shortcut", x, y.channels, batch=batch, kernel=1, stride=stride)
    out = elementwise(b, "add", "add", batch * y.edge**2 * y.channels, x.name, y.name)
    return _relu(b, "relu3", _Map(out, y.channels, y.edge), batch)


def _build(b: TraceBuilder, model: ResNetModel, run: RunSettings) -> Yield:
    """Classify ``batch`` images.

    Model
    -----
    Max-pooling reads every pixel once and is counted with windows of 2×2 instead of the overlapping 3×3.

    Sources
    -------
    He et al., Deep residual learning for image recognition, CVPR 2016; pytorch/vision, torchvision/models/resnet.py.
    """
    n_stages = len(model.n_blocks)
    text = f"has {len(model.channels)} entries; n_blocks has {n_stages}, one per stage"
    check_model((len(model.channels) == n_stages, "channels", text))
    check_resolution(run.resolution, 2 ** (n_stages + 1))
    batch = run.batch
    image = b.input("image", (batch, model.image_channels, run.resolution, run.resolution))
    x = _Map(image, model.image_channels, run.resolution)
    x = _relu(b, "stem_relu", _conv(b, "stem", x, model.stem_channels, batch=batch, kernel=7, stride=2), batch)
    edge = x.edge // 2
    pool = b.add("pool", Reduction(rows=batch * edge**2 * x.channels, cols=4, function="max"), x.name)
    x = _Map(pool, x.channels, edge)
    for stage, (n_blocks, width) in enumerate(zip(model.n_blocks, model.channels, strict=True)):
        with b.scope(f"stage{stage}.first"):
            x = _block(b, x, width, model.expansion, batch=batch, stride=2 if stage else 1)
        if n_blocks > 1:
            with b.repeat(n_blocks - 1, f"stage{stage}.rest"):
                x = _block(b, x, width, model.expansion, batch=batch, stride=1)
    mean = b.add("mean", Reduction(rows=batch * x.channels, cols=x.edge**2, function="mean"), x.name)
    linear(b, "classifier", mean, m=batch, n=model.n_classes, k=x.channels)
    return Yield(items=batch, item="image")


register(
    Builder(
        name="resnet",
        model=ResNetModel,
        phases={"inference": ("batch", "resolution", "dtype", "weight_dtype")},
        build=_build,
    )
)
