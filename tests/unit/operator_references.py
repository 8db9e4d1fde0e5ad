"""Every operator kind written down plainly in NumPy, on arrays that count their arithmetic (`counted_arrays`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from counted_arrays import TALLY, CountedArray, Run, Tally, array, indices, look_up, sigmoid

from archmodel.workload.types import OperatorKind


def matmul(op: Any) -> Run:
    a, b = array(op.m, op.k), array(op.k, op.n)
    return Run({"a": a, "b": b, "c": a @ b})


def batched_matmul(op: Any) -> Run:
    a, b = array(op.batch, op.m, op.k), array(op.batch, op.k, op.n)
    return Run({"a": a, "b": b, "c": a @ b})


def grouped_matmul(op: Any) -> Run:
    a, b, c = array(op.m_total, op.k), array(op.experts, op.k, op.n), array(op.m_total, op.n)
    expert = np.arange(op.m_total) % int(op.active)
    for idx in np.unique(expert):
        c[expert == idx] = a[expert == idx] @ b[idx]
    return Run({"a": a, "b": b, "c": c}, {"b": np.unique(expert).size * op.k * op.n})


def attention_mask(op: Any) -> Any:
    """Who sees whom, (q_len, kv_len): nobody behind oneself, only within window and chunk, and no other target."""
    if not op.causal:
        return np.ones((op.q_len, op.kv_len), dtype=bool)
    query, key = np.arange(op.kv_len - op.q_len, op.kv_len)[:, None], np.arange(op.kv_len)[None]
    position = np.minimum(query, op.kv_len - op.targets)  # targets all stand right behind the history
    is_near = position - key < op.window if op.window else True
    is_in_chunk = key // op.chunk == position // op.chunk if op.chunk else True
    return ((key < position) & is_near & is_in_chunk) | (key == query)


def attention(op: Any) -> Run:
    v_dim, mask = op.v_dim or op.head_dim, attention_mask(op)
    q, k = array(op.batch, op.q_len, op.n_heads, op.head_dim), array(op.batch, op.kv_len, op.n_kv_heads, op.head_dim)
    v = k[..., :v_dim] if op.is_kv_shared else array(op.batch, op.kv_len, op.n_kv_heads, v_dim)
    out = array(op.batch, op.q_len, op.n_heads, v_dim)
    bias = array(op.kv_len if op.causal else op.q_len + op.kv_len - 1)
    distance = np.abs(np.arange(op.kv_len - op.q_len, op.kv_len)[:, None] - np.arange(op.kv_len)[None])
    for b, i, h in np.ndindex(op.batch, op.q_len, op.n_heads):
        kv_head = h // (op.n_heads // op.n_kv_heads)
        s = (k[b, mask[i], kv_head] @ q[b, i, h]) * op.head_dim**-0.5
        if op.has_bias:
            s = s + bias[distance[i, mask[i]]]
        if op.score == "silu":
            out[b, i, h] = (look_up(lambda x: x * sigmoid(x), s) / op.kv_len) @ v[b, mask[i], kv_head]
        else:
            p = np.exp(s - s.max())
            out[b, i, h] = (p @ v[b, mask[i], kv_head]) / p.sum()
    n_rows = op.batch * int(mask.any(axis=0).sum()) * op.n_kv_heads
    shared = {} if op.is_kv_shared else {"v": v}
    n_moved = {"k": n_rows * op.head_dim} | ({} if op.is_kv_shared else {"v": n_rows * v_dim})
    biases = {"bias": bias} if op.has_bias else {}
    return Run({"q": q, "k": k, **shared, **biases, "out": out}, n_moved)


def embedding_bag(op: Any) -> Run:
    table, out = array(op.rows, op.dim), array(op.batch, op.n_tables * op.dim)
    idx, weights, moved = indices(op.batch * op.pooling, below=op.rows), array(op.batch * op.pooling), 0
    for sample, of_sample in enumerate(np.arange(op.batch * op.pooling).reshape(op.batch, op.pooling)):
        for bag, lookups in enumerate(np.array_split(of_sample, op.n_tables)):
            rows = table[idx[lookups]]
            moved += rows.size
            rows = rows * weights[lookups][:, None] if op.weighted else rows
            out[sample, bag * op.dim : (bag + 1) * op.dim] = rows.sum(axis=0)
    return Run({"indices": idx, **({"weights": weights} if op.weighted else {}), "table": table, "out": out},
               {"table": moved})  # fmt: skip


def embedding_bag_backward(op: Any) -> Run:
    """Row-wise Adagrad; the lookups repeat ``unique`` rows."""
    n = op.batch * op.pooling
    rows, bags = np.sort(np.arange(n, dtype=np.int32) % op.unique), indices(n, below=op.batch * op.n_tables)
    gradient, table = array(op.batch, op.n_tables * op.dim), array(op.rows, op.dim)
    momentum, of_bag = array(op.rows), gradient.reshape(-1, op.dim)
    gathered = moved = updated = 0
    for row in range(op.unique):
        given = of_bag[bags[rows == row]]
        gathered += given.size
        total = given.sum(axis=0)
        state = momentum[row : row + 1] + (total * total).sum(axis=0, keepdims=True) / op.dim
        rate = 0.01 / (look_up(np.sqrt, state) + 1e-8)
        table[row] = table[row] - rate * total
        momentum[row] = state[0]
        moved, updated = moved + 2 * total.size, updated + 2 * state.size
    arrays = {"indices": rows, "bags": bags, "gradient": gradient, "table": table, "momentum": momentum}
    return Run(arrays, {"gradient": gathered, "table": moved, "momentum": updated})


def radix_sort(op: Any) -> Run:
    """Least significant digit first: a stable order by each digit."""
    dtype = np.int32 if op.bits <= 32 else np.int64
    below = 1 << min(op.bits, 31)
    keys, values = indices(op.n, below=below).astype(dtype).view(CountedArray), np.arange(op.n, dtype=np.int32)
    moved, carried = keys, values
    for first_bit in range(0, op.bits, 8):
        order = np.argsort(np.asarray((moved >> first_bit) & 255), kind="stable")
        moved, carried = moved[order], carried[order]
    assert (np.diff(np.asarray(moved)) >= 0).all()
    return Run({"keys": keys, "values": values, "sorted_keys": moved, "sorted_values": carried})


def gather(op: Any) -> Run:
    source, idx = array(op.rows, op.dim), indices(op.n, below=op.rows)
    return Run({"indices": idx, "source": source, "out": source[idx]}, {"source": source[idx].size})


def scatter(op: Any) -> Run:
    source, out, idx = array(op.n, op.dim), array(op.rows, op.dim), indices(op.n, below=op.rows)
    out[idx] = source
    return Run({"indices": idx, "source": source, "out": out}, {"out": out[idx].size})


def convolution(
    op: Any, size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], pad: list[int]
) -> Run:
    """Implicit GEMM in any number of axes: windows become rows of a matrix."""
    axes = tuple(range(2, 2 + len(size)))
    x = array(op.batch, op.in_channels, *size)
    padded = np.pad(np.asarray(x), [(0, 0), (0, 0), *((n, n) for n in pad)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=axes)
    windows = windows[(slice(None), slice(None), *(slice(None, None, step) for step in stride))]
    n_in, n_out = op.in_channels // op.groups, op.out_channels // op.groups
    weight, bias = array(op.out_channels, n_in, *kernel), array(op.out_channels)
    of_groups = []
    for group in range(op.groups):
        rows = np.moveaxis(windows[:, group * n_in : (group + 1) * n_in], 1, 1 + len(size))
        rows = rows.reshape(*rows.shape[: 1 + len(size)], -1).view(CountedArray)
        of_groups.append(rows @ weight[group * n_out : (group + 1) * n_out].reshape(n_out, -1).T)
    out = np.concatenate(of_groups, axis=-1)
    out = out + bias if op.has_bias else out
    given = {"x": x, "weight": weight, **({"bias": bias} if op.has_bias else {}), "out": np.moveaxis(out, -1, 1)}
    # Pixels are numbered from 1, padding is 0: those under any window move.
    numbers = np.pad(np.arange(1, int(np.prod(size)) + 1).reshape(size), [(n, n) for n in pad])
    seen = np.lib.stride_tricks.sliding_window_view(numbers, kernel)[tuple(slice(None, None, step) for step in stride)]
    return Run(given, n_moved={"x": op.batch * op.in_channels * np.count_nonzero(np.unique(seen))})


def conv2d(op: Any) -> Run:
    pad = [op.kernel // 2 if op.padding == -1 else op.padding] * 2
    return convolution(op, (op.height, op.width), (op.kernel,) * 2, (op.stride,) * 2, pad)


def conv3d(op: Any) -> Run:
    kernel = (op.kernel_frames, op.kernel, op.kernel)
    given = (op.padding_frames, op.padding, op.padding)
    pad = [edge // 2 if n == -1 else n for edge, n in zip(kernel, given, strict=True)]
    return convolution(op, (op.frames, op.height, op.width), kernel, (op.stride_frames, op.stride, op.stride), pad)


def rope(x: Any) -> Any:
    out, (first, second) = x.copy(), (x[::2], x[1::2])
    cos, sin = np.cos(np.arange(first.size)), np.sin(np.arange(first.size))
    out[::2], out[1::2] = first * cos - second * sin, second * cos + first * sin
    return out


SHARED = np.linspace(0.5, 1.5, 2, dtype=np.float32)  # a vector that all rows of two elements share
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "bias": lambda x: (x.reshape(-1, 2) + SHARED).ravel(),
    "scale": lambda x: (x.reshape(-1, 2) * SHARED).ravel(),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: look_up(sigmoid, x),
    "silu": lambda x: look_up(lambda y: y * sigmoid(y), x),
    "gelu": lambda x: look_up(lambda y: y * sigmoid(1.702 * y), x),
    "tanh": np.tanh,
    "exp": np.exp,
    "rope": rope,
    "swiglu": lambda gate, up: look_up(lambda y: y * sigmoid(y), gate) * up,
    "modulate": lambda x, factor=1 + SHARED: (x.reshape(-1, 2) * factor + SHARED).ravel(),
}


def elementwise(op: Any) -> Run:
    names = {"swiglu": ["gate", "up"], "add": ["a", "b"], "sub": ["a", "b"], "mul": ["a", "b"]}.get(op.function, ["x"])
    inputs = {name: array(op.n) for name in names}
    return Run({**inputs, "out": FUNCTIONS[op.function](*inputs.values())})


def softmax(op: Any) -> Run:
    x = array(op.rows, op.cols)
    e = np.exp(x - x.max(axis=1)[:, None])
    return Run({"x": x, "out": e / e.sum(axis=1)[:, None]})


def normalised(x: Any) -> Any:
    centred = x - (x.sum(axis=1) / x.shape[1])[:, None]
    variance = (centred * centred).sum(axis=1) / x.shape[1]
    return centred * (1 / np.sqrt(variance + 1e-5))[:, None]


def layer_norm(op: Any) -> Run:
    x, gamma, beta = array(op.rows, op.cols), array(op.cols), array(op.cols)
    y = normalised(x)
    return Run({"x": x, "gamma": gamma, "beta": beta, "out": y * gamma + beta} if op.affine else {"x": x, "out": y})


def rms_norm(op: Any) -> Run:
    x, gamma = array(op.rows, op.cols), array(op.cols)
    y = x * (1 / np.sqrt((x * x).sum(axis=1) / op.cols + 1e-5))[:, None]
    return Run({"x": x, "gamma": gamma, "out": y * gamma} if op.affine else {"x": x, "out": y})


def group_norm(op: Any) -> Run:
    x, gamma, beta = array(op.batch, op.channels, op.spatial), array(op.channels), array(op.channels)
    y = normalised(x.reshape(op.batch * op.groups, -1)).reshape(x.shape)
    return Run({"x": x, "gamma": gamma, "beta": beta, "out": y * gamma[:, None] + beta[:, None]})


def reduction(op: Any) -> Run:
    x = array(op.rows, op.cols)
    if op.function == "mean":
        return Run({"x": x, "out": x.sum(axis=1) / op.cols})
    return Run({"x": x, "out": getattr(x, op.function)(axis=1)})


def transpose(op: Any) -> Run:
    x = array(op.rows, op.cols)
    return Run({"x": x, "out": np.ascontiguousarray(x.T)})


def permute(op: Any) -> Run:
    x = array(op.n)
    return Run({"x": x, "out": x.reshape(-1, 2).T.ravel()})


def concat(op: Any) -> Run:
    parts = {f"x{idx}": array(n) for idx, n in enumerate(np.atleast_1d(op.n))}
    return Run({**parts, "out": np.concatenate(list(parts.values()))})


def top_k(op: Any) -> Run:
    """Binary search in the best so far, kept in 2^n − 1 ≥ k places, so that each search takes n comparisons."""
    n_steps = int(np.ceil(np.log2(op.k + 1)))
    x, n_places = array(op.rows, op.cols), 2**n_steps - 1
    best, where = np.full((op.rows, n_places), -np.inf, np.float32), np.zeros((op.rows, n_places), np.int32)
    for col in range(op.cols):
        place = np.zeros(op.rows, dtype=int)
        for step in 2 ** np.arange(n_steps)[::-1]:
            is_smaller = x[:, col] < best[np.arange(op.rows), place + step - 1]
            place += step * np.asarray(is_smaller)
        for row in range(op.rows):
            best[row] = np.insert(best[row], place[row], x[row, col])[:n_places]
            where[row] = np.insert(where[row], place[row], col)[:n_places]
    values, found = best[:, : op.k], where[:, : op.k]
    np.testing.assert_array_equal(values, np.sort(np.asarray(x))[:, ::-1][:, : op.k])
    return Run({"x": x, "values": values, "indices": found})


def moe_dispatch(op: Any) -> Run:
    x, expert = array(op.tokens, op.dim), indices(op.tokens, op.topk, below=4)
    return Run({"x": x, "indices": expert, "out": x[np.argsort(expert, axis=None) // op.topk]})


def moe_combine(op: Any) -> Run:
    x, weights = array(op.tokens * op.topk, op.dim), array(op.tokens, op.topk)
    weighted = x.reshape(op.tokens, op.topk, op.dim) * weights[:, :, None]
    return Run({"x": x, "weights": weights, "out": weighted.sum(axis=1)})


BLOCK = {"bfp8": 16, "mx4": 32}  # elements per 8-bit scale
CODE_BITS = {"int8": 8, "fp8": 8, "bfp8": 8, "mx4": 4, "int32": 32}


def block_bytes(dtype: str, n: int, n_scales: int) -> int:
    return n * CODE_BITS[dtype] // 8 + n_scales


def quantise(op: Any) -> Run:
    x, block = array(op.rows, op.cols), BLOCK.get(op.to, op.cols)
    blocks = x.reshape(-1, block)
    scales = np.abs(blocks).max(axis=1) / np.float32(127)
    codes = np.rint(blocks * (1 / scales)[:, None]).astype(np.int8).reshape(x.shape)
    if op.to in BLOCK:
        return Run({"x": x, "out": codes}, n_bytes={"out": block_bytes(op.to, x.size, scales.size)})
    return Run({"x": x, "out": codes, "scales": scales})


def dequantise(op: Any) -> Run:
    block, dtype = BLOCK.get(op.source, op.cols), np.int32 if op.source == "int32" else np.int8
    codes, scales = array(op.rows, op.cols).astype(dtype), array(op.rows * op.cols // block)
    out = np.multiply(codes.reshape(-1, block), scales[:, None], dtype=np.float32).reshape(codes.shape)
    if op.source in BLOCK:
        return Run({"x": codes, "out": out}, n_bytes={"x": block_bytes(op.source, codes.size, scales.size)})
    return Run({"x": codes, "scales": scales, "out": out})


def linear(op: Any) -> Run:
    is_quantised = op.quantise == "rows"
    dtype = np.float16 if is_quantised else np.float32
    a, b, bias = array(op.m, op.k, dtype=dtype), array(op.k, op.n), array(op.n, dtype=dtype)
    if is_quantised:
        scales = np.abs(a).max(axis=1) / np.float32(127)
        c = (np.rint(a * (1 / scales)[:, None]).astype(np.float32) @ b) * scales[:, None]
    else:
        c = a @ b
    if op.bias:
        c = c + bias
    if op.activation != "none":
        c = look_up(sigmoid, c)
    return Run({"a": a, "b": b, **({"bias": bias} if op.bias else {}), "c": c.astype(dtype)})


def collective(op: Any) -> Run:
    """Chips in a ring that pass shards on; the arithmetic and the sends of the first one are counted."""
    n_chips = op.n_chips
    given = [array(op.n), *(np.asarray(array(op.n)) + np.float32(chip) for chip in range(1, n_chips))]
    held = [list(np.split(buffer.copy(), n_chips)) for buffer in given]
    sent = 0

    def send(sender: int, receiver: int, shard: int, *, is_added: bool) -> None:
        nonlocal sent
        sent += held[sender][shard].nbytes if sender == 0 else 0
        arriving = np.asarray(held[sender][shard])
        held[receiver][shard] = held[receiver][shard] + arriving if is_added else arriving

    steps = [(step, chip) for step in range(n_chips - 1) for chip in range(n_chips)]
    if op.function in ("all_reduce", "reduce_scatter"):
        for step, chip in steps:
            send(chip, (chip + 1) % n_chips, (chip - step) % n_chips, is_added=True)
    if op.function in ("all_reduce", "all_gather"):
        for step, chip in steps:
            send(chip, (chip + 1) % n_chips, (chip + 1 - step) % n_chips, is_added=False)
    if op.function == "all_to_all":
        sent = sum(shard.nbytes for peer, shard in enumerate(held[0]) if peer != 0)
    if op.function == "send" and n_chips > 1:
        sent = given[0].nbytes
    own = 1 % n_chips  # the shard that the first chip of the ring owns
    x = held[0][own] if op.function == "all_gather" else given[0]
    out = held[0][own] if op.function == "reduce_scatter" else np.concatenate(held[0])
    if op.function == "all_reduce":
        np.testing.assert_allclose(out, np.sum([np.asarray(buffer) for buffer in given], axis=0), rtol=1e-5)
    return Run({"x": x, "out": out}, n_sent_bytes=sent)


REFERENCES: dict[str, Callable[[Any], Run]] = {
    reference.__name__: reference
    for reference in (
        matmul, batched_matmul, grouped_matmul, linear,
        attention, embedding_bag, embedding_bag_backward, radix_sort, gather, scatter, conv2d, conv3d, elementwise,
        softmax, layer_norm, rms_norm, group_norm, reduction, transpose, permute, concat, top_k, moe_dispatch,
        moe_combine, quantise, dequantise, collective,
    )
}  # fmt: skip


def run_counted(op: OperatorKind) -> tuple[Run, Tally]:
    """Run the reference of an operator; what it read and wrote, and its arithmetic."""
    TALLY.matmul = TALLY.elementwise = TALLY.reduction = 0
    run = REFERENCES[op.kind](op)
    return run, Tally(TALLY.matmul, TALLY.elementwise, TALLY.reduction)
