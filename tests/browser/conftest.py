"""A headless Chromium; without one, tests are skipped, or fail where ``ARCHMODEL_REQUIRE_BROWSER`` is set."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from browser_window import Window, open_browser
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        missing = "there is no Chromium; on Debian run: apt install chromium"
        (pytest.fail if os.environ.get("ARCHMODEL_REQUIRE_BROWSER") else pytest.skip)(missing)
    with open_browser(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def kept_window(browser: Browser) -> Window:
    """Open one for all tests of a module: a script that was compiled once opens four times as fast."""
    return Window(browser)


@pytest.fixture
def window(kept_window: Window) -> Iterator[Window]:
    """Show pages, none of which may complain."""
    kept_window.complaints.clear()
    yield kept_window
    assert kept_window.complaints == []
