"""The watch over pages in a browser sees what it is there to see."""

from __future__ import annotations

import pytest

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
def test_browser_watch_sees(kept_window, tmp_path, body, complaint, left):
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE.format(body), encoding="utf-8")
    kept_window.open(folder / "index.html")
    kept_window.page.wait_for_timeout(50)  # what a page says comes when it comes
    requests = kept_window.requests_outside(folder)
    assert [url.removeprefix(f"{tmp_path.as_uri()}/") for url in requests] == left
    assert len(kept_window.complaints) == (complaint is not None)
    assert all(complaint in said for said in kept_window.complaints)
