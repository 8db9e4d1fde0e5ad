"""Pages in a browser, with what they say on the console and ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route

PICTURES = Path(__file__).parents[2] / "results" / "browser"
WIDE, NARROW = 1280, 420  # a laptop, a phone [px]
HEIGHT = 900


class Visit:
    """A page in a fresh profile, with what it said on the console and what it asked for.

    Parameters
    ----------
    browser
        Where the page is opened.
    width
        Of the window [px].
    settings
        Further ones of the profile, such as ``reduced_motion``.
    """

    def __init__(self, browser: Browser, width: int = WIDE, **settings: Any) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": HEIGHT}, **settings)
        self.context.route("**", self._answer)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))

    def _answer(self, route: Route) -> None:
        url = route.request.url
        self.requests.append(url)
        if url.startswith("file:"):
            route.continue_()
        else:
            route.abort()

    def open(self, path: Path) -> Visit:
        """Open a file as a double click does, and wait until it is drawn."""
        self.page.goto(path.as_uri())
        self.page.wait_for_function("window.archmodelReady === true")
        return self

    def requests_outside(self, folder: Path) -> list[str]:
        """List what was asked for that is not in a folder."""
        return [url for url in self.requests if not url.startswith((f"{folder.as_uri()}/", "data:", "blob:"))]

    def picture(self, name: str) -> None:
        """Keep a picture of the whole page, to look at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
