"""Mapping: where tensors live and in which order work is done."""

from archmodel.mapping.placement import LaunchMode, Placement, place, reasons_against, reasons_against_launch

__all__ = ["LaunchMode", "Placement", "place", "reasons_against", "reasons_against_launch"]
