"""A window of a browser, with what pages say on the console and ask for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, sync_playwright

PICTURES = Path(__file__).parents[2] / "results" / "browser"
WIDE, NARROW = 1280, 420  # a laptop, a phone [px]
HEIGHT = 900
PATIENCE_MS = 60_000  # a machine may have much else to do


@contextmanager
def open_browser(path: str) -> Iterator[Browser]:
    """Start Chromium, without a screen."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # root has none
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield browser
        browser.close()


class Window:
    """A window in a profile of its own.

    Parameters
    ----------
    browser
        Whose.

    Attributes
    ----------
    complaints
        Errors and warnings of the page that is open.
    requests
        What it asked for.
    open_s, busy_s
        How long it took until it was ready, and how much of that its thread was at work.
    """

    def __init__(self, browser: Browser) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.open_s = self.busy_s = 0.0
        self.context = browser.new_context()
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.route("**", self._answer)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self._watch = self.context.new_cdp_session(self.page)
        self._watch.send("Performance.enable", {"timeDomain": "threadTicks"})

    def _answer(self, route: Route) -> None:
        url = route.request.url
        self.requests.append(url)
        if url.startswith("file:"):
            route.continue_()
        else:
            route.abort()

    def open(self, path: Path, width: int = WIDE) -> Page:
        """Open a file as a double click does, and wait until it is ready: text, tables and the first figure."""
        self.complaints.clear()
        self.requests.clear()
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        start_s = time.perf_counter()
        self.page.goto(path.as_uri())
        self.page.wait_for_function("window.archmodelReady === true")
        self.open_s = time.perf_counter() - start_s
        metrics = self._watch.send("Performance.getMetrics")["metrics"]
        self.busy_s = next(each["value"] for each in metrics if each["name"] == "TaskDuration")
        return self.page

    def finish(self) -> None:
        """Wait until all figures are drawn, which the page does when it has nothing else to do."""
        self.page.wait_for_function("due.size === 0")

    def requests_outside(self, folder: Path) -> list[str]:
        """List what was asked for that is not in a folder."""
        return [url for url in self.requests if not url.startswith((f"{folder.as_uri()}/", "data:", "blob:"))]

    def keep_picture(self, name: str) -> None:
        """Keep a picture of the whole page, to look at."""
        self.finish()
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
