"""Machines: typed descriptions of chips, the files that hold them, and where every number comes from."""

from archmodel.machine.load import load_machine, machine_names, preset_paths
from archmodel.machine.types import Machine, Provenance

__all__ = ["Machine", "Provenance", "load_machine", "machine_names", "preset_paths"]
