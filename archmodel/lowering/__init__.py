"""Lowering: objects to packs, the only bridge to the kernels."""

from archmodel.lowering.lower import pack_machines, pack_operators, pack_placements
from archmodel.lowering.packs import MachinePack, OperatorPack, PlacementPack

__all__ = ["MachinePack", "OperatorPack", "PlacementPack", "pack_machines", "pack_operators", "pack_placements"]
