"""The watch over pages in a browser sees what it is there to see."""

from __future__ import annotations

import pytest
from page_visits import Visit

PAGE = """<!doctype html><meta charset="utf-8"><title>t</title>
<script>window.archmodelReady = true;</script>{}"""


@pytest.mark.parametrize(
    ("body", "complaint", "left"),
    [
        ("<p>nothing</p>", None, []),
        ("<script>console.error('wrong')</script>", "wrong", []),
        ("<script>throw new Error('thrown')</script>", "thrown", []),
        ("<script src='http://example.invalid/a.js'></script>", "net::ERR_FAILED", ["http://example.invalid/a.js"]),
        ("<img src='../outside.svg' alt=''>", "net::ERR_FILE_NOT_FOUND", ["outside.svg"]),
        ("<script>new WebSocket('ws://127.0.0.1:9/')</script>", "WebSocket", ["ws://127.0.0.1:9/"]),
    ],
    ids=["nothing", "error", "exception", "request", "file", "socket"],
)
def test_browser_watch_sees(browser, tmp_path, body, complaint, left):
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE.format(body), encoding="utf-8")
    visit = Visit(browser).open(folder / "index.html")
    visit.page.wait_for_timeout(100)  # console messages come when they come
    visit.context.close()
    assert [url.removeprefix(f"{tmp_path.as_uri()}/") for url in visit.requests_outside(folder)] == left
    assert len(visit.complaints) == (complaint is not None)
    assert all(complaint in said for said in visit.complaints)
