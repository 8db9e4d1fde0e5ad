"""Energy, area and cost, from a chip to a site. Every function takes machines whose values are numbers or columns."""

from archmodel.economy.area import Area, estimate_area
from archmodel.economy.cost import ChipCost, estimate_chip_cost
from archmodel.economy.energy import Energy, EnergyRates, estimate_energy
from archmodel.economy.fleet import (
    Fleet,
    Serving,
    estimate_fleet,
    estimate_serving,
    fleet_for_capex,
    usd_per_million_items,
)
from archmodel.economy.load import load_economy
from archmodel.economy.power import DesignLimit, PowerEstimate, choose_design_limit, estimate_power
from archmodel.economy.types import Economy
from archmodel.economy.work import StepWork, count_work

__all__ = [
    "Area",
    "ChipCost",
    "DesignLimit",
    "Economy",
    "Energy",
    "EnergyRates",
    "Fleet",
    "PowerEstimate",
    "Serving",
    "StepWork",
    "choose_design_limit",
    "count_work",
    "estimate_area",
    "estimate_chip_cost",
    "estimate_energy",
    "estimate_fleet",
    "estimate_power",
    "estimate_serving",
    "fleet_for_capex",
    "load_economy",
    "usd_per_million_items",
]
