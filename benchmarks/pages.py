"""How long a report of 100,000 points takes to open in Chromium, from an empty profile.

It is open when text, tables and the first figure are painted and it answers; what is further down is drawn then. The
time until then is taken in a browser that nobody watches, as a reader has it, and in one that is driven by Playwright,
as tests have it, where every request takes a way through another process.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from timing import Figure

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

N_RUNS = 5
TRACED_S = 12  # after which Chromium writes down when what was


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
        alone_s, watched_s, drawn_s = list[tuple[float, float]](), list[float](), list[float]()
        for i in range(N_RUNS):
            alone_s.append(open_alone(path, page, Path(folder) / f"profile{i}"))
            with open_browser(path) as browser:
                window, start_s = Window(browser), time.perf_counter()
                window.open(page)
                window.finish()
                watched_s.append(window.open_s)
                drawn_s.append(time.perf_counter() - start_s)
        size_bytes = sum(each.stat().st_size for each in page.parent.rglob("*"))
    open_s, busy_s = np.median(alone_s, axis=0).tolist()
    return [
        Figure("report_opens", open_s, "s", at_most=3.0),
        Figure("report_opens_busy", busy_s, "s"),
        Figure("report_opens_watched", float(np.median(watched_s)), "s", at_most=3.0),
        Figure("report_drawn_watched", float(np.median(drawn_s)), "s"),
        Figure("report_size", size_bytes / 1e6, "MB", at_most=8.0),
    ]


def open_alone(chromium: str, page: Path, profile: Path) -> tuple[float, float]:
    """Open a page as a double click does; returns when it is ready, and how long its thread was at work by then [s].

    The page marks when it is ready; Chromium writes its marks down.
    """
    profile.mkdir()
    trace = profile / "trace.json"
    command = [
        chromium, "--headless", "--no-sandbox", f"--user-data-dir={profile}", "--trace-startup=blink.user_timing",
        f"--trace-startup-duration={TRACED_S}", "--trace-startup-format=json", f"--trace-startup-file={trace}",
        page.as_uri(),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            events = _wait_for_events(trace)
        finally:
            browser.terminate()
    (ready,) = (each for each in events if each["name"] == "archmodel ready")  # else it takes longer than TRACED_S
    starts = [each["ts"] for each in events if each["name"] == "navigationStart" and each["pid"] == ready["pid"]]
    return (ready["ts"] - max(starts)) / 1e6, ready["tts"] / 1e6


def _wait_for_events(trace: Path) -> list[dict[str, Any]]:
    """Read a trace when it is whole: what is still being written is no JSON."""
    for _ in range(10 * TRACED_S):
        time.sleep(0.5)
        with suppress(FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError):
            events: list[dict[str, Any]] = json.loads(trace.read_bytes())["traceEvents"]
            return events
    raise TimeoutError(f"Chromium wrote no whole trace in {5 * TRACED_S} s")
