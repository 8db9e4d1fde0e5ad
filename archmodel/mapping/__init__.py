"""Mapping: where tensors live and in which order work is done."""

from archmodel.mapping.placement import LaunchMode, Placement, place, reasons_against

__all__ = ["LaunchMode", "Placement", "place", "reasons_against"]
