"""What was worked out of traces and machines, remembered as long as these are asked about."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Remembered:
    """Values of objects that cannot be keys of a mapping; it keeps the objects, so that each stays what it is.

    Parameters
    ----------
    n_kept
        Values that are kept, those asked for last.
    """

    def __init__(self, n_kept: int) -> None:
        self._n_kept = n_kept
        self._known: OrderedDict[Hashable, tuple[tuple[object, ...], Any]] = OrderedDict()

    def find(self, objects: tuple[object, ...], more: Hashable, make: Callable[[], T]) -> T:
        """Give what is known of some objects, or make it.

        Parameters
        ----------
        objects
            That the value is of; they never change.
        more
            What else it depends on.
        make
            Makes it.
        """
        key = (tuple(id(each) for each in objects), more)
        known = self._known.pop(key, None)
        entry = (objects, make()) if known is None else known
        self._known[key] = entry
        while len(self._known) > self._n_kept:
            self._known.popitem(last=False)  # in one step: threads share what is remembered
        value: T = entry[1]
        return value
