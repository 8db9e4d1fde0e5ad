"""Results: numbers with names, units and the reason behind them. Everything downstream reads only these."""

from archmodel.results.types import RESOURCES, TOTALS, Result, ResultTable

__all__ = ["RESOURCES", "TOTALS", "Result", "ResultTable"]
