"""The loops of the vector cores as assembly; `archmodel.lowering.rvv` says how a line is read."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Loop:
    """A strip-mined loop over the elements of a row, and what is around it.

    Parameters
    ----------
    turn
        Of the loop.
    before
        For each row, before the loop.
    fold, give
        For each row, behind the loop: what makes one element of the lanes of a group, and what stores it.
    is_flat
        Nothing differs from row to row: all rows are one.
    """

    turn: str
    before: str = ""
    fold: str = ""
    give: str = ""
    is_flat: bool = False

    def after(self) -> str:
        """Fold, and store one element."""
        return "\n".join([self.fold, *(f"{line} ; 1" for line in self.give.splitlines() if line.strip())])

    def across(self) -> Loop:
        """Make the same with lanes on as many rows: columns are loads with a stride, and nothing is folded."""
        turn = self.turn.replace("load ", "lses ").replace("store ", "sses ")
        return replace(self, turn=turn, fold="")


# Exponential of v8 in v16, by v24: 2^k from the exponent bits, the rest from a polynomial of degree 4 (S. Moshier,
# Cephes library, exp; the degree is that of half precision).
_EXP = """
    vfmul.vf    v16, v8, fa1        # x / ln 2
    vfcvt.x.f.v v16, v16            # k, its nearest whole number
    vfcvt.f.x.v v24, v16
    vfmul.vf    v24, v24, fa2       # k · ln 2
    vfsub.vv    v8, v8, v24         # r
    vfmul.vf    v24, v8, fa3
    vfadd.vf    v24, v24, fa4       # Horner
    vfmul.vv    v24, v24, v8
    vfadd.vf    v24, v24, fa5
    vfmul.vv    v24, v24, v8
    vfadd.vf    v24, v24, fa6
    vfmul.vv    v24, v24, v8
    vfadd.vf    v24, v24, fa7
    vsll.vi     v16, v16, 10        # k in the place of the exponent
    vadd.vv     v16, v24, v16
"""
# Reciprocal of v16 in v24: 7 bits (V extension, section 13.10), doubled by each step of Newton's method.
_RECIPROCAL = """
    vfrec7.v    v24, v16
    vfmul.vv    v8, v16, v24
    vfrsub.vf   v8, v8, fa1         # 2 − x·y
    vfmul.vv    v24, v24, v8
    vfmul.vv    v8, v16, v24
    vfrsub.vf   v8, v8, fa1
    vfmul.vv    v24, v24, v8
"""
_SIGMOID = f"{_EXP}\n vfadd.vf v16, v16, fa0 \n {_RECIPROCAL}"
_WIDE_RECIPROCAL = "\n".join(f"e32 {line.strip()}" for line in _RECIPROCAL.splitlines() if line.strip())
_WIDE_INVERSE_ROOT = """
    e32 vfrsqrt7.v v24, v16         # 7 bits (section 13.9)
""" + 2 * """
    e32 vfmul.vv   v8, v16, v24
    e32 vfmul.vv   v8, v8, v24
    e32 vfmul.vf   v8, v8, fa1
    e32 vfrsub.vf  v8, v8, fa2      # (3 − x·y²) / 2
    e32 vfmul.vv   v24, v24, v8
"""  # fmt: skip


def _map(work: str, result: str = "v8", second: str = "", *, is_flat: bool = True) -> Loop:
    return Loop(f"load v8, (a0)\n{second}\n{work}\nstore {result}, (a2)", is_flat=is_flat)


def _sum(turn: str) -> Loop:
    return Loop(
        turn=f"load v8, (a0), v24\n{turn}",
        before="e32 vmv.v.i v0, 0",
        fold="e32 vmv.s.x v16, zero ; 1 \n e32 vfredusum.vs v16, v0, v16",
        give="e32 vse32.v v16, (a1)",
    )


def _blocks(n_halvings: int) -> Loop:
    """Largest magnitude of each block of a power of two of lanes; blocks are then brought together and stored."""
    halving = "em vslidedown.vi v16, v8, 1\n em vmaxu.vv v8, v8, v16\n"
    return Loop(
        f"em vle.v v8, (a0)\n em vand.vx v8, v8, a3\n {n_halvings * halving} em vcompress.vm v24, v8, v0\n"
        "em vse.v v24, (a1)",
        is_flat=True,
    )


PLACING_STEP = """
    vluxei32.v v16, (a1), v24       # of a sorted list, the element in the middle of what is left
    vmflt.vv   v0, v16, v8
    vadd.vi    v24, v24, 1
"""
"""A step of the binary search for the places of elements."""
_SCAN_STEP = "e32 vslideup.vi v16, v8, 1\n e32 vadd.vv v8, v8, v16\n"  # 1, 2, 4, … lanes further, 64 in all
_ZERO_BAG = "e32 vmv.v.i v0, 0"
_SECOND = "load v16, (a1)"

LOOPS = {
    # Folds: a number per row.
    "maximum": Loop(
        turn="""
            load v8, (a0), v24
            vfmax.vv v0, v0, v8
        """,
        before="vfmv.v.f v0, fa0        # −∞",
        fold="vfredmax.vs v0, v0, v0",
        give="vse.v v0, (a1)",
    ),
    "magnitude": Loop(  # bits of numbers without sign are in the order of the numbers: no conversion
        turn="""
            em vle.v v8, (a0)
            em vand.vx v16, v8, a3  # clear the sign
            em vmaxu.vv v0, v0, v16
        """,
        before="em vmv.v.i v0, 0",
        fold="em vredmaxu.vs v0, v0, v0",
        give="em vse.v v0, (a1)",
    ),
    "magnitude_of_16": _blocks(4),
    "magnitude_of_32": _blocks(5),
    "sum": _sum("e32 vfwadd.wv v0, v0, v8"),
    "square_sum": _sum("e32 macc v0, v8, v8, v16"),
    # On the numbers of rows.
    "mean": Loop("e32 vle32.v v8, (a0)\n e32 vfmul.vf v8, v8, fa0\n e32 vse32.v v8, (a0)", is_flat=True),
    "reciprocal": Loop(f"e32 vle32.v v16, (a0)\n{_WIDE_RECIPROCAL}\n e32 vse32.v v24, (a0)", is_flat=True),
    "inverse_root": Loop(
        "e32 vle32.v v16, (a0)\n e32 vfmul.vf v16, v16, fa0\n e32 vfadd.vf v16, v16, fa3      # mean, ε"
        f"{_WIDE_INVERSE_ROOT}\n e32 vse32.v v24, (a0)",
        is_flat=True,
    ),
    # Maps with a number per row.
    "subtract": _map("vfsub.vf v8, v8, fa0", is_flat=False),
    "scale": _map("vfmul.vf v8, v8, fa0", is_flat=False),
    "exp_of_difference": _map(f"vfsub.vf v8, v8, fa0\n{_EXP}", "v16", is_flat=False),
    "round": _map("vfmul.vf v8, v8, fa0\n vfcvt.x.f.v v8, v8", is_flat=False),
    # Maps with numbers per column.
    "gain": _map("vfmul.vv v8, v8, v16", second=_SECOND, is_flat=False),
    "gain_shift": _map("vfmul.vv v8, v8, v16\n load v24, (a3)\n vfadd.vv v8, v8, v24", second=_SECOND, is_flat=False),
    # Elementwise functions.
    "add": _map("vfadd.vv v8, v8, v16", second=_SECOND),
    "sub": _map("vfsub.vv v8, v8, v16", second=_SECOND),
    "mul": _map("vfmul.vv v8, v8, v16", second=_SECOND),
    "bias": _map("vfadd.vv v8, v8, v16", second=_SECOND),
    "relu": _map("vfmax.vf v8, v8, fa0"),
    "exp": _map(_EXP, "v16"),
    "sigmoid": _map(_SIGMOID, "v24"),
    "silu": _map(f"{_SIGMOID}\n load v16, (a0)\n vfmul.vv v24, v24, v16", "v24"),
    "gelu": _map(  # x · σ(1.702 x): D. Hendrycks and K. Gimpel, arXiv 1606.08415
        f"vfmul.vf v8, v8, fa0\n{_SIGMOID}\n load v16, (a0)\n vfmul.vv v24, v24, v16", "v24"
    ),
    "tanh": _map(  # 2 σ(2x) − 1
        f"vfadd.vv v8, v8, v8\n{_SIGMOID}\n vfadd.vv v24, v24, v24\n vfadd.vf v24, v24, fa0", "v24"
    ),
    "swiglu": _map(
        f"{_SIGMOID}\n load v16, (a0)\n vfmul.vv v24, v24, v16\n load v16, (a1)\n vfmul.vv v24, v24, v16", "v24"
    ),
    "modulate": _map("vfmul.vv v8, v8, v16\n load v24, (a3)\n vfadd.vv v8, v8, v24", second=_SECOND),
    "rope": _map(  # x₁·cos − x₂·sin, or the other half; cosines and sines beside
        """
            load v24, (a3)
            vfmul.vv v8, v8, v24
            load v24, (a4)
            vfmul.vv v16, v16, v24
            vfadd.vv v8, v8, v16
        """,
        second=_SECOND,
    ),
    "copy": _map(""),
    "turn": Loop("em vlse.v v8, (a0)\n em vse.v v8, (a1)"),  # a column of a matrix, which becomes a row
    # The largest of a row, and where it stands.
    "largest": Loop(
        turn="""
            load v24, (a0)
            vmflt.vv v0, v8, v24
            vmerge.vvm v8, v8, v24
            vmerge.vxm v16, v16, v0 # the number of the turn
        """,
        before="vfmv.v.f v8, fa0        # −∞",
        fold="""
            vfredmax.vs v24, v8, v8
            vrgather.vi v24, v24, 0
            vmfeq.vv v0, v8, v24    # lanes that have it
            vmerge.vxm v16, v16, v0
            vredminu.vs v16, v16, v16
        """,
        give="vse.v v24, (a1)\n vse.v v16, (a2)",
    ),
    # Passes of a radix sort: how many keys of each digit; running sums; each key with its value to the place of its
    # digit. Lanes have counters of their own (v0: number of the lane).
    "histogram": Loop(
        """
            em vle.v       v8, (a0)
            em vsrl.vx     v8, v8, a2
            em vand.vx     v8, v8, a3
            em vadd.vv     v8, v8, v0
            em vluxei32.v  v16, (a1), v8
            em vadd.vi     v16, v16, 1
            em vsuxei32.v  v16, (a1), v8
        """,
        is_flat=True,
    ),
    "scan": Loop("e32 vle32.v v8, (a0)\n" + 6 * _SCAN_STEP + "e32 vadd.vx v8, v8, a2\n e32 vse32.v v8, (a1)"),
    "place": Loop(
        """
            em vle.v       v8, (a0)
            em vsrl.vx     v24, v8, a2
            em vand.vx     v24, v24, a3
            em vadd.vv     v24, v24, v0
            em vluxei32.v  v16, (a1), v24
            em vsuxei32.v  v8, (a4), v16
            e32 vle32.v    v8, (a5)        # the value
            e32 vsuxei32.v v8, (a6), v16
            em vadd.vi     v16, v16, 1
            em vsuxei32.v  v16, (a1), v24
        """,
        is_flat=True,
    ),
    # Rows of a bag, one per turn, into sums in registers.
    "bag": Loop("load v8, (a0), v24\n e32 vfadd.vv v0, v0, v8", before=_ZERO_BAG, fold="e32 vse32.v v0, (a1)"),
    "weighted_bag": Loop(
        "load v8, (a0), v24\n e32 macc v0, v8, v8, v16", before=_ZERO_BAG, fold="e32 vse32.v v0, (a1)"
    ),
}
"""Loops by name."""
