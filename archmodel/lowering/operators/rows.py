"""Lower operators that work on rows: softmax, norms, reductions, quantising."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from archmodel.lowering.far import fits_half
from archmodel.lowering.moves import missed_part
from archmodel.lowering.passes import Pass, pass_stage
from archmodel.lowering.phases import Phase, Site, Way, lowers_ways, shortest
from archmodel.lowering.placed import Place, Tail
from archmodel.lowering.stream import Flow, Stage, stream
from archmodel.workload.operators.normalise import GroupNorm, LayerNorm, RmsNorm, Softmax
from archmodel.workload.operators.quantise import Dequantise, Quantise
from archmodel.workload.operators.reduction import Reduction

PARTIAL_BYTES = 4
"""Of a number that a part of a row leaves: fp32."""
MOST_PARTIALS = 256
"""Numbers that every part of a row loads; more are joined before, so many to one."""

_MAXIMUM = Pass("maximum", 1, is_fold=True)
_EXP = Pass("exp_of_difference", 2)  # subtract, look up
_SUM_OF_EXP = Pass("sum", 1, is_fold=True, finish="reciprocal", n_finish=1)
_SCALE = Pass("scale", 1)
_MEAN = Pass("sum", 1, is_fold=True, finish="mean", n_finish=1)
_SUBTRACT = Pass("subtract", 1)
_DEVIATION = Pass("square_sum", 2, is_fold=True, finish="inverse_root", n_finish=4)
_GAIN = Pass("gain", 1)
_GAIN_SHIFT = Pass("gain_shift", 2)
_MAGNITUDE = Pass("magnitude", 2, is_fold=True, finish="reciprocal", n_finish=2)
_ROUND = Pass("round", 2)
_BLOCKS = {  # magnitude, and a halving for each factor of two of a block
    "bfp8": Pass("magnitude_of_16", 1 + 4, is_blocked=True),
    "mx4": Pass("magnitude_of_32", 1 + 5, is_blocked=True),
}

_SOFTMAX = (_MAXIMUM, _EXP, _SUM_OF_EXP, _SCALE)
_LAYER_NORM = (_MEAN, _SUBTRACT, _DEVIATION, _SCALE)
_RMS_NORM = (_DEVIATION, _SCALE)


@dataclass(frozen=True, slots=True)
class RowWork:
    """What is done to rows.

    Parameters
    ----------
    name
        Of the phase, or of the first part of the names of several.
    n_rows, n_cols
        Shape.
    x, out
        Where rows are before and behind. A last pass that folds leaves a number per row.
    passes
        In order.
    weights
        Arrays that the last pass takes.
    n_weights, n_held
        Elements of each that a row needs, and all rows together.
    is_per_column
        A part of a row needs a part of them.
    scales
        Place of a number per row that is stored besides, if any.
    """

    name: str
    n_rows: int
    n_cols: int
    x: Place
    out: Place
    passes: tuple[Pass, ...]
    weights: tuple[Place, ...] = ()
    n_weights: int = 0
    n_held: int = 0
    is_per_column: bool = True
    scales: Place | None = None


@lowers_ways(Softmax.kind, leaves_rates=True)
def lower_softmax(site: Site) -> list[Way]:
    """Lower a softmax: three passes, for the maximum, the exponentials and their sum, and the quotients."""
    assert isinstance(site.op, Softmax)
    return list_ways(site, _work(site, site.op.rows, site.op.cols, _SOFTMAX))


@lowers_ways(LayerNorm.kind, leaves_rates=True)
def lower_layer_norm(site: Site) -> list[Way]:
    """Lower a layer norm: five passes, for mean, difference, deviation, quotient, gain and shift."""
    op = site.op
    assert isinstance(op, LayerNorm)
    work = _work(site, op.rows, op.cols, (*_LAYER_NORM, _GAIN_SHIFT) if op.affine else _LAYER_NORM)
    return list_ways(site, replace(work, weights=site.places[1:-1], n_weights=op.cols, n_held=op.cols))


@lowers_ways(RmsNorm.kind, leaves_rates=True)
def lower_rms_norm(site: Site) -> list[Way]:
    """Lower an RMS norm: three passes, for deviation, quotient and gain."""
    op = site.op
    assert isinstance(op, RmsNorm)
    work = _work(site, op.rows, op.cols, (*_RMS_NORM, _GAIN) if op.affine else _RMS_NORM)
    return list_ways(site, replace(work, weights=site.places[1:-1], n_weights=op.cols, n_held=op.cols))


@lowers_ways(GroupNorm.kind, leaves_rates=True)
def lower_group_norm(site: Site) -> list[Way]:
    """Lower a group norm: the passes of a layer norm over the channels of each group, all its positions."""
    op = site.op
    assert isinstance(op, GroupNorm)
    per_group = op.channels // op.groups
    work = _work(site, op.batch * op.groups, per_group * op.spatial, (*_LAYER_NORM, _GAIN_SHIFT))
    work = replace(work, weights=site.places[1:-1], n_weights=per_group, n_held=op.channels, is_per_column=False)
    return list_ways(site, work)


@lowers_ways(Reduction.kind, leaves_rates=True)
def lower_reduction(site: Site) -> list[Way]:
    """Lower a reduction: one pass."""
    op = site.op
    assert isinstance(op, Reduction)
    one = {"sum": Pass("sum", 1, is_fold=True), "mean": _MEAN}.get(op.function, _MAXIMUM)
    return list_ways(site, _work(site, op.rows, op.cols, (one,)))


@lowers_ways(Quantise.kind, leaves_rates=True)
def lower_quantise(site: Site) -> list[Way]:
    """Lower a quantisation: the largest magnitude of each row, or of its blocks, and a pass that scales and rounds."""
    op = site.op
    assert isinstance(op, Quantise)
    if len(site.places) == 3:
        return list_ways(site, _quantising(op.rows, op.cols, *site.places))
    return list_ways(site, _work(site, op.rows, op.cols, (_BLOCKS[op.to], _ROUND)))


@lowers_ways(Dequantise.kind, leaves_rates=True)
def lower_dequantise(site: Site) -> list[Way]:
    """Lower a dequantisation: one pass, with the scale of the row."""
    op = site.op
    assert isinstance(op, Dequantise)
    work = _work(site, op.rows, op.cols, (_SCALE,))
    return list_ways(site, replace(work, weights=site.places[1:-1], n_weights=1))


def quantise_rows(site: Site, n_rows: int, n_cols: int, x: Place, out: Place, scales: Place) -> tuple[Phase, ...]:
    """Quantise rows, each with a scale of its own.

    Parameters
    ----------
    site
        Where.
    n_rows, n_cols
        Shape.
    x, out, scales
        Where rows are, and where their narrow form and their scales go.
    """
    return shortest(list_ways(site, _quantising(n_rows, n_cols, x, out, scales)))


def _quantising(n_rows: int, n_cols: int, x: Place, out: Place, scales: Place) -> RowWork:
    return RowWork("quantise", n_rows, n_cols, x, out, (_MAGNITUDE, _ROUND), scales=scales)


def _work(site: Site, n_rows: int, n_cols: int, passes: tuple[Pass, ...]) -> RowWork:
    return RowWork(site.op.kind, n_rows, n_cols, site.places[0], site.places[-1], passes)


def list_ways(site: Site, work: RowWork) -> list[Way]:
    """List the ways to lower work on rows: whole rows on PEs, and parts of them where these are fewer or do not fit.

    Parameters
    ----------
    site
        Where.
    work
        What is done.

    Model
    -----
    Whole rows are one phase: all passes are stages, and rows stay in local memory from the first to the last. Rows that
    are fewer than PEs, or do not fit, are cut into parts. A phase then ends with each pass that folds: every part
    stores the number that it leaves, and the next phase loads those of its row and combines them. Parts stay in local
    memory if every PE has one; otherwise they are loaded in every phase, and stored in those that change them, from
    the cache if all rows fit half of it.
    """
    least = _count_parts(site, work)
    spread = min(site.n_pes // work.n_rows, math.ceil(work.n_cols * work.x.element_bytes / site.timing.fragment_bytes))
    if not any(one.is_fold for one in work.passes):
        return [(_pieces(site, work, max(1, least, spread)),)]
    ways: list[Way] = [] if least > 1 else [(_whole(site, work),)]
    if least > 1 or spread > 1:
        ways.append(_split(site, work, max(least, spread)))
    return ways


def _count_parts(site: Site, work: RowWork) -> int:
    """Count the least parts of a row that fit local memory with all their buffers, twice each."""
    widest = max(place.element_bytes for place in (work.x, work.out, *site.tail.operands))
    n_buffers = len(work.passes) + 3 + len(site.tail.operands)  # of rows and weights, in and out and between
    weights_bytes = sum(place.element_bytes for place in work.weights)
    held_bytes = weights_bytes * work.n_held
    if held_bytes + 2 * n_buffers * work.n_cols * widest <= site.timing.local_bytes:
        return 1
    other_bytes = 0 if work.is_per_column else 2 * weights_bytes * work.n_weights
    other_bytes += 2 * n_buffers * MOST_PARTIALS * PARTIAL_BYTES
    return max(2, math.ceil(2 * (n_buffers + 1) * work.n_cols * widest / (site.timing.local_bytes - other_bytes)))


def _whole(site: Site, work: RowWork) -> Phase:
    """Write the phase of whole rows."""
    flows = [Flow(work.n_cols, work.x.element_bytes, work.x.is_far, is_joined=True)]
    flows += _held_weights(work, len(work.passes) - 1)

    def stages(n_rows: int) -> list[Stage]:
        return [_stage(site, work, one, n_rows, work.n_cols) for one in work.passes]

    return stream(site, work.name, work.n_rows, flows, stages, _results(work, work.n_cols, 1))


def _pieces(site: Site, work: RowWork, n_parts: int) -> Phase:
    """Write the phase of parts of rows that nothing joins."""
    n_cols = math.ceil(work.n_cols / n_parts)
    n_parts = math.ceil(work.n_cols / n_cols)
    flows = [
        Flow(n_cols, work.x.element_bytes, work.x.is_far, is_joined=True),
        *_weights(site, work, work.n_weights, n_parts, 0),
    ]

    def stages(n_rows: int) -> list[Stage]:
        return [_stage(site, work, one, n_rows, n_cols) for one in work.passes]

    return stream(site, work.name, work.n_rows * n_parts, flows, stages, _results(work, n_cols, n_parts))


def _split(site: Site, work: RowWork, n_parts: int) -> tuple[Phase, ...]:
    """Write the phases of parts of rows: one for each pass that folds, and one behind the last of them."""
    n_cols = math.ceil(work.n_cols / n_parts)
    n_parts = math.ceil(work.n_cols / n_cols)
    segments: list[list[Pass]] = [[]]
    for one in work.passes:
        segments[-1].append(one)
        if one.is_fold:
            segments.append([])
    is_kept, before = work.n_rows * n_parts <= site.n_pes, None
    phases = []
    for segment in segments[:-1]:
        phases.append(_Part(site, work, tuple(segment), before, n_cols, n_parts, is_kept).fold_phase())
        before = segment[-1]
        phases += _join_partials(site, work, before, n_parts)
    phases.append(_Part(site, work, tuple(segments[-1]), before, n_cols, n_parts, is_kept).last_phase())
    return tuple(phases)


def _join_partials(site: Site, work: RowWork, fold: Pass, n_partials: int) -> list[Phase]:
    """Write phases that join the numbers of parts until there are few enough per row."""
    phases, one = [], fold.combine().without_finish()
    while n_partials > MOST_PARTIALS:
        n_partials = math.ceil(n_partials / MOST_PARTIALS)
        flows = [Flow(n, PARTIAL_BYTES, is_far=False, is_joined=True) for n in (MOST_PARTIALS, 1)]

        def stages(n_items: int) -> list[Stage]:
            return [pass_stage(site, one, n_items, MOST_PARTIALS, "fp32")]

        inner, name = replace(site, tail=Tail()), f"{work.name}: join"
        phases.append(stream(inner, name, work.n_rows * n_partials, flows[:1], stages, flows[1:]))
    return phases


def _count_left(n_partials: int) -> int:
    """Count the numbers of a row that are left when they are joined."""
    return n_partials if n_partials <= MOST_PARTIALS else _count_left(math.ceil(n_partials / MOST_PARTIALS))


@dataclass(frozen=True, slots=True)
class _Part:
    """What a phase does to parts of rows: it combines what the fold before left, then runs its passes."""

    site: Site
    work: RowWork
    passes: tuple[Pass, ...]
    before: Pass | None
    n_cols: int
    n_parts: int
    is_kept: bool

    @property
    def _is_far_again(self) -> bool:
        """Whether later phases find rows in DRAM: what fits half of the cache is still there."""
        n_bytes = self.work.n_rows * self.work.n_cols * self.work.x.element_bytes
        return self.work.x.is_far and not fits_half(n_bytes, self.site.timing)

    def fold_phase(self) -> Phase:
        """Store the number that each part leaves, and the part itself if it was changed and is not kept."""
        outs = [Flow(1, PARTIAL_BYTES, is_far=False, is_joined=True)]
        if len(self.passes) > 1 and not self.is_kept:
            outs.insert(0, Flow(self.n_cols, self.work.x.element_bytes, self._is_far_again, is_joined=True))
        site, name = replace(self.site, tail=Tail()), self.passes[-1].loop
        n_items = self.work.n_rows * self.n_parts
        return stream(site, f"{self.work.name}: {name}", n_items, self._flows(), self._stages, outs)

    def last_phase(self) -> Phase:
        """Store results; where no pass is left, rows have a result each."""
        n_items = self.work.n_rows * (self.n_parts if self.passes else 1)
        outs = _results(self.work, self.n_cols, self.n_parts if self.passes else 1)
        flows = self._flows()
        n_weights = self.n_cols if self.work.is_per_column else self.work.n_weights
        flows += _weights(self.site, self.work, n_weights, self.n_parts, len(self.passes))
        return stream(self.site, self.work.name, n_items, flows, self._stages, outs)

    def _flows(self) -> list[Flow]:
        x, flows = self.work.x, []
        if self.before:
            flows.append(Flow(_count_left(self.n_parts), PARTIAL_BYTES, is_far=False))
        if self.passes and not (self.before and self.is_kept):
            is_far = self._is_far_again if self.before else x.is_far
            stage = 1 if self.before else 0
            flows.append(Flow(self.n_cols, x.element_bytes, is_far, stage=stage, is_joined=True))
        return flows

    def _stages(self, n_items: int) -> list[Stage]:
        combined = []
        if self.before:
            n_partials = _count_left(self.n_parts)
            combined = [pass_stage(self.site, self.before.combine(), n_items, n_partials, "fp32")]
        passes = [one.without_finish() if one.is_fold else one for one in self.passes]
        return combined + [_stage(self.site, self.work, one, n_items, self.n_cols) for one in passes]


def _stage(site: Site, work: RowWork, one: Pass, n_rows: int, n_cols: int) -> Stage:
    """Give the work of a pass: rows stay in the format in which they come, until the last one."""
    return pass_stage(site, one, n_rows, n_cols, work.x.dtype, work.out.dtype if one is work.passes[-1] else None)


def _results(work: RowWork, n_cols: int, n_parts: int) -> list[Flow]:
    """Give what leaves: results, and scales if there are."""
    n_results = 1 if work.passes[-1].is_fold else n_cols
    places = [(n_results, work.out), *([(1 / n_parts, work.scales)] if work.scales else [])]
    return [Flow(n, place.element_bytes, place.is_far, is_joined=True) for n, place in places]


def _held_weights(work: RowWork, stage: int) -> list[Flow]:
    """Give the flow of what is the same for all rows, an array each; a PE loads it once."""
    if not work.weights:
        return []
    is_far, n = any(place.is_far for place in work.weights), len(work.weights)
    n_bytes = max(place.element_bytes for place in work.weights)
    return [Flow(n * work.n_held, n_bytes, is_far, n_pieces=n, stage=stage, is_held=True)]


def _weights(site: Site, work: RowWork, n_elements: int, n_parts: int, stage: int) -> list[Flow]:
    """Give the flow of what each part of a row needs; a cache has for other rows what was read for one."""
    if not work.weights:
        return []
    n_distinct = work.n_held or work.n_rows * work.n_weights
    missed_frac = missed_part(site.timing, n_distinct, work.n_rows * n_parts * n_elements)
    return [
        replace(flow, n_elements=flow.n_pieces * n_elements, is_held=False, missed_frac=missed_frac)
        for flow in _held_weights(work, stage)
    ]
