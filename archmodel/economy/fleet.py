"""What serving costs, and what a site of a given power holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archmodel.economy.types import Economy
from archmodel.economy.values import Value

GIGAWATT_W = 1e9
_HOURS_PER_YEAR = 8760.0


@dataclass(frozen=True)
class Serving:
    """What the items that a chip produces cost; numbers or columns.

    Parameters
    ----------
    usd_per_hour
        Of a chip with its share of everything [$/h].
    usd_per_million_items
        Cost of 10⁶ items [$].
    j_per_item
        Energy of an item, of the whole site [J].
    items_per_s_per_mw
        Items per second and megawatt of the site as provisioned [1/s/MW].
    """

    usd_per_hour: Value
    usd_per_million_items: Value
    j_per_item: Value
    items_per_s_per_mw: Value


@dataclass(frozen=True)
class Fleet:
    """What a site holds, and what it costs to build; numbers or columns.

    Parameters
    ----------
    n_chips, n_servers, n_racks
        What its power is enough for.
    site_w_per_chip
        Provisioned power per chip, all included [W].
    capex_usd
        Chips, hosts, network and building [$].
    """

    n_chips: Value
    n_servers: Value
    n_racks: Value
    site_w_per_chip: Value
    capex_usd: Value


def site_w_per_chip(chip_w: Value, economy: Economy) -> Value:
    """Power of the site per chip: chips take a share of their server, servers one of the site [W].

    Parameters
    ----------
    chip_w
        Of the chip: its design limit for what is provisioned, its average for what is paid [W].
    economy
        Parameters.
    """
    return chip_w / economy.fleet.chip_power_frac * economy.fleet.pue


def capex_usd_per_chip(tdp_w: Value, chip_usd: Value, economy: Economy) -> Value:
    """Chip, host, network and building of one chip [$].

    Parameters
    ----------
    tdp_w, chip_usd
        Design limit and price of the chip [W, $].
    economy
        Parameters.
    """
    p = economy.fleet
    around = p.host_usd_per_w + p.network_usd_per_w + p.building_usd_per_w
    return chip_usd + site_w_per_chip(tdp_w, economy) * around


def estimate_serving(items_per_s: Value, average_w: Value, tdp_w: Value, chip_usd: Value, economy: Economy) -> Serving:
    """Estimate what the items that a chip produces cost.

    Parameters
    ----------
    items_per_s
        Of one chip [1/s].
    average_w
        Power of the chip while it serves, by `estimate_energy` [W].
    tdp_w, chip_usd
        Design limit and price of the chip, by `choose_design_limit` and `estimate_chip_cost` [W, $].
    economy
        Parameters.

    Model
    -----
    ``$/h = (chip + host + network) / server life + building / building life + electricity``. Chips are written off all
    the time and serve for the share ``utilisation`` of it; while they do not, they are taken to draw no power.
    """
    p = economy.fleet
    provisioned_w, served_w = site_w_per_chip(tdp_w, economy), site_w_per_chip(average_w, economy)
    servers: Any = chip_usd + provisioned_w * (p.host_usd_per_w + p.network_usd_per_w)
    building: Any = provisioned_w * p.building_usd_per_w
    usd_per_hour = (
        (servers / p.server_life_years + building / p.building_life_years) / _HOURS_PER_YEAR
        + served_w * p.utilisation_frac * 3600 * p.electricity_usd_per_j
    )  # fmt: skip
    return Serving(
        usd_per_hour=usd_per_hour,
        usd_per_million_items=usd_per_million_items(usd_per_hour, items_per_s * p.utilisation_frac),
        j_per_item=served_w / items_per_s,
        items_per_s_per_mw=items_per_s / provisioned_w * 1e6,
    )


def usd_per_million_items(usd_per_hour: Value, items_per_s: Value) -> Value:
    """Cost of 10⁶ items [$].

    Parameters
    ----------
    usd_per_hour
        Of a chip [$/h].
    items_per_s
        That it produces, on average over the hours that are paid [1/s].
    """
    return usd_per_hour / (items_per_s * 3600) * 1e6


def estimate_fleet(tdp_w: Value, chip_usd: Value, economy: Economy, site_w: float = GIGAWATT_W) -> Fleet:
    """Estimate what a site holds and what it costs to build.

    Parameters
    ----------
    tdp_w, chip_usd
        Design limit and price of the chip, by `choose_design_limit` and `estimate_chip_cost` [W, $].
    economy
        Parameters.
    site_w
        Power of the site [W].
    """
    per_chip_w = site_w_per_chip(tdp_w, economy)
    return fleet_of(site_w / per_chip_w, capex_usd_per_chip(tdp_w, chip_usd, economy), site_w, economy)


def fleet_for_capex(capex_usd: float, rack_usd: float, economy: Economy, site_w: float = GIGAWATT_W) -> Fleet:
    """Say what a site holds of which the cost is known, and that of a rack with its share of everything.

    Parameters
    ----------
    capex_usd
        Of the site [$].
    rack_usd
        Of a rack [$].
    economy
        Parameters: chips per rack and per server.
    site_w
        Power of the site [W].
    """
    n_chips = capex_usd / rack_usd * economy.fleet.chips_per_rack
    return fleet_of(n_chips, capex_usd / n_chips, site_w, economy)


def fleet_of(n_chips: Value, usd_per_chip: Value, site_w: float, economy: Economy) -> Fleet:
    """Put chips into servers and racks.

    Parameters
    ----------
    n_chips
        On the site.
    usd_per_chip
        With their share of everything [$].
    site_w
        Power of the site [W].
    economy
        Parameters: chips per rack and per server.
    """
    p = economy.fleet
    return Fleet(
        n_chips=n_chips,
        n_servers=n_chips / p.chips_per_server,
        n_racks=n_chips / p.chips_per_rack,
        site_w_per_chip=site_w / n_chips,
        capex_usd=n_chips * usd_per_chip,
    )
