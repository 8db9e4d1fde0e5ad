"""Numba kernels over packs (struct-of-arrays). They import numba and numpy, nothing else, and check nothing.

Lowering validates; inside a kernel an index out of range or an integer overflow is silent.
"""
