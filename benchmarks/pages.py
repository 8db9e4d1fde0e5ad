"""How long a report of 100,000 points takes to open in Chromium, from an empty profile.

It is open when text, tables and the first figure are there and it answers; what is further down is drawn then.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import Figure

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

N_RUNS = 5


def measure() -> list[Figure]:
    """Take the median of several openings; nothing without Chromium."""
    path = shutil.which("chromium")
    if path is None:
        print("no Chromium: how long a report takes to open is not measured")
        return []
    from browser_window import Window, open_browser
    from made_reports import write_large

    with tempfile.TemporaryDirectory() as folder:
        page, _ = write_large(Path(folder))
        windows, drawn_s = [], []
        for _ in range(N_RUNS):
            with open_browser(path) as browser:
                windows.append(Window(browser))
                start_s = time.perf_counter()
                windows[-1].open(page)
                windows[-1].finish()
                drawn_s.append(time.perf_counter() - start_s)
        size_bytes = sum(each.stat().st_size for each in page.parent.iterdir())
    return [
        Figure("report_opens", float(np.median([each.open_s for each in windows])), "s", at_most=3.0),
        Figure("report_opens_busy", float(np.median([each.busy_s for each in windows])), "s"),
        Figure("report_drawn", float(np.median(drawn_s)), "s"),
        Figure("report_size", size_bytes / 1e6, "MB", at_most=8.0),
    ]
