"""Reports in a browser: they open offline, are quiet, and do what they offer by mouse and by keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_window import NARROW, WIDE, Window
from made_reports import HOSTILE, N_POINTS, TITLE, write_large, write_run, write_small, write_verification
from playwright.sync_api import Locator, Page

from archmodel.sweep.run import SweepResult

Report = tuple[Path, SweepResult]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return write_small(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return write_large(tmp_path_factory.mktemp("large"))


def front_rows(found: SweepResult) -> list[dict[str, Any]]:
    return list(found.front().rows())


def chosen_points(table: Locator) -> list[int]:
    return [int(text) for text in table.locator("tbody th").all_inner_texts()]


def head(table: Locator, column: str) -> Locator:
    return table.locator(f"thead th[data-name={column}]")


def test_browser_opens_report_without_asking_anyone(window, small):
    page, _ = small
    shown = window.open(page)
    assert window.requests_outside(page.parent) == []
    assert {Path(url).name for url in window.requests} == {
        "index.html", "plotly.min.js", "report.css", "figures.js", "report.js",
    }  # fmt: skip
    assert shown.locator(".main-svg").count() > 0


def test_browser_shows_hostile_names_as_text(window, small):
    page, _ = small
    shown = window.open(page)
    assert shown.title() == TITLE
    assert shown.locator("h1").inner_text() == TITLE
    assert shown.locator("#front tbody td", has_text=HOSTILE).count() > 0
    window.finish()
    assert shown.locator("#parallel").get_by_text("fast & <b>dear").count() > 0
    assert shown.evaluate("window.ran") is None
    assert shown.locator("img").count() == 0


@pytest.mark.parametrize("press", [Locator.click, lambda button: button.press("Enter")], ids=["mouse", "keys"])
def test_browser_sorts_front(window, small, press):
    page, found = small
    table = window.open(page).locator("#front")
    rows = front_rows(found)
    assert chosen_points(table) == [row["point"] for row in rows]
    press(head(table, "tdp_w").get_by_role("button"))
    assert head(table, "tdp_w").get_attribute("aria-sort") == "ascending"
    by_power = [row["point"] for row in sorted(rows, key=lambda row: row["tdp_w"])]
    assert chosen_points(table) == by_power != [row["point"] for row in rows]
    press(head(table, "tdp_w").get_by_role("button"))
    assert head(table, "tdp_w").get_attribute("aria-sort") == "descending"
    assert [row["tdp_w"] for row in by_point(rows, chosen_points(table))] == sorted(
        (row["tdp_w"] for row in rows), reverse=True
    )


def by_point(rows: list[dict[str, Any]], points: list[int]) -> list[dict[str, Any]]:
    known = {row["point"]: row for row in rows}
    return [known[point] for point in points]


def test_browser_filters_and_searches_front(window, small):
    page, found = small
    shown, rows = window.open(page), front_rows(found)
    table, limit_w = shown.locator("#front"), sorted(row["tdp_w"] for row in rows)[len(rows) // 2] - 1e-3
    frugal = [row["point"] for row in rows if row["tdp_w"] <= limit_w]
    table.locator("[data-filter=tdp_w]").fill(f"<= {limit_w}")
    assert chosen_points(table) == frugal
    assert 0 < len(frugal) < len(rows)
    text = f"{len(frugal)} of {len(frugal)} rows are shown; {len(rows) - len(frugal)} do not match"
    assert shown.locator("#count").inner_text() == text
    table.locator("[data-filter=tdp_w]").fill("")
    shown.locator("#search").press_sequentially("dear")
    assert chosen_points(table) == [row["point"] for row in rows if "dear" in row["memory"]]
    shown.locator("#search").fill("there is no such machine")
    assert chosen_points(table) == []


def check_choice(window: Window, row: dict[str, Any]) -> None:
    """A machine is chosen everywhere on the page."""
    window.finish()
    page = window.page
    assert f"Machine {row['point']} " in page.locator("#chosen").inner_text()
    assert page.locator("#front tr[aria-current=true] th").inner_text() == str(row["point"])
    assert page.locator("#parameters").get_by_text(f"{row['clock_hz'] / 1e9:.12g} GHz", exact=True).count() > 0
    drawn = page.evaluate("byId('pareto').data.find((trace) => trace.name === 'chosen').x[0]")
    scale = page.evaluate("named['throughput'].scale")
    assert drawn * scale == pytest.approx(row["throughput"], rel=1e-12)
    assert page.locator("#breakdown .barlayer .trace").count() > 0
    assert page.locator("#diagram svg").count() == 1


@pytest.mark.parametrize("press", [Locator.click, lambda button: button.press("Space")], ids=["mouse", "keys"])
def test_browser_chooses_machine_in_table(window, small, press):
    page, found = small
    shown, row = window.open(page), front_rows(found)[-1]
    press(shown.locator("#front").get_by_role("button", name=f"choose machine {row['point']}", exact=True))
    check_choice(window, row)


PLACE = """(row) => {
  const drawn = byId("pareto"), { xaxis, yaxis } = drawn._fullLayout, box = drawn.getBoundingClientRect();
  const front = drawn.data.find((trace) => trace.meta === "front");
  return [box.x + xaxis._offset + xaxis.d2p(front.x[row]), box.y + yaxis._offset + yaxis.d2p(front.y[row])];
}"""


def test_browser_chooses_machine_in_figure(window, small):
    page, found = small
    shown, rows = window.open(page), front_rows(found)
    shown.locator("#pareto").scroll_into_view_if_needed()
    place = shown.evaluate(PLACE, len(rows) - 1)
    shown.mouse.move(*place)
    shown.locator("#pareto .hovertext", has_text=f"point {rows[-1]['point']}").wait_for()
    shown.mouse.click(*place)
    check_choice(window, rows[-1])


def test_browser_skips_to_the_report_by_keys(window, small):
    page, _ = small
    shown = window.open(page)
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.textContent") == "Skip to the report"
    shown.keyboard.press("Enter")
    assert shown.evaluate("location.hash") == "#main"


CONTRASTS = """() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (at) => {
    for (; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter((at) => !at.closest("svg") && at.checkVisibility()
    && [...at.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()));
  return texts.map((at) => {
    const [a, b] = [light(rgb(getComputedStyle(at).color)), light(ground(at))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), at.outerHTML.slice(0, 120)];
  });
}"""


def test_browser_finds_every_text_readable(window, small):
    page, _ = small
    shown = window.open(page)
    window.finish()
    contrasts = shown.evaluate(CONTRASTS)
    assert len(contrasts) > 100
    assert [each for each in contrasts if each[0] < 4.5] == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_browser_needs_no_sideways_scrolling(window, small, width):
    page, _ = small
    shown = window.open(page, width)
    window.keep_picture(f"sweep-{width}")
    assert shown.evaluate("document.documentElement.scrollWidth") <= width


def test_browser_sorts_other_tables_by_what_they_hold(window, tmp_path):
    page = write_run(tmp_path)
    shown = window.open(page)
    table = shown.locator("table.sorts", has_text="The slowest")
    heading = table.locator("thead th", has_text="latency [")
    values = "(table) => [...table.tBodies[0].rows].map((row) => +row.cells[4].dataset.value)"
    falling = table.evaluate(values)
    assert falling == sorted(falling, reverse=True) != sorted(falling)
    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert table.evaluate(values) == sorted(falling)
    heading.get_by_role("button").click()
    assert table.evaluate(values) == falling


def test_browser_sorts_points_as_numbers(window, small):
    page, _ = small
    table = window.open(page).locator("table.sorts", has_text="The best machines by model")
    table.get_by_role("button", name="point", exact=True).click()
    points = table.locator("tbody th").all_inner_texts()
    assert points == sorted(points, key=int) != sorted(points)


@pytest.mark.parametrize("write", [write_run, write_verification], ids=["compare", "verify"])
def test_browser_shows_other_reports(window, tmp_path, write):
    page = write(tmp_path)
    for width in (WIDE, NARROW):
        shown = window.open(page, width)
        window.keep_picture(f"{write.__name__.removeprefix('write_')}-{width}")
        assert window.requests_outside(page.parent) == []
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        assert shown.locator(".main-svg").count() > 0
        assert shown.get_by_text(HOSTILE).count() > 0
        assert shown.evaluate("window.ran") is None
        assert [each for each in shown.evaluate(CONTRASTS) if each[0] < 4.5] == []


@pytest.fixture
def busy(browser) -> Iterator[Window]:
    """Open a window that has never time to spare: what it draws, it draws for another reason."""
    window = Window(browser)
    window.page.add_init_script("window.requestIdleCallback = () => 0;")
    yield window
    assert window.complaints == []
    window.context.close()


LOWER = ("parallel", "breakdown", "steps")


def is_drawn(page: Page, figure: str) -> bool:
    return page.locator(f"#{figure} .main-svg").count() > 0


def test_browser_draws_first_figure_at_once_and_others_near_the_view(busy, small):
    page, _ = small
    shown = busy.open(page)
    assert is_drawn(shown, "pareto")
    assert not any(is_drawn(shown, figure) for figure in LOWER)
    for figure in LOWER:
        shown.locator(f"#{figure}").scroll_into_view_if_needed()
        shown.locator(f"#{figure} .main-svg").first.wait_for()
    assert shown.locator("#diagram svg").count() == 1


def test_browser_draws_others_in_idle_time(window, small):
    page, _ = small
    shown = window.open(page)
    window.finish()
    assert shown.evaluate("window.scrollY") == 0
    assert all(is_drawn(shown, figure) for figure in LOWER)


def test_browser_draws_a_choice_where_nobody_looks_before_printing(busy, small):
    page, found = small
    shown, row = busy.open(page), front_rows(found)[-1]
    shown.locator("#front").get_by_role("button", name=f"choose machine {row['point']}", exact=True).click()
    assert not is_drawn(shown, "steps")
    assert shown.pdf(format="A4").startswith(b"%PDF")
    assert all(is_drawn(shown, figure) for figure in LOWER)
    check_choice(busy, row)


def test_browser_prints_report_without_controls(window, small):
    page, _ = small
    shown = window.open(page)
    shown.emulate_media(media="print")
    assert not shown.locator("#search").is_visible()
    assert shown.locator("#front").is_visible()
    assert shown.pdf(format="A4").startswith(b"%PDF")
    shown.emulate_media(media="screen")


def test_browser_opens_report_of_100000_points_at_once(browser, large, capsys):
    page, _ = large
    assert sum(path.stat().st_size for path in page.parent.rglob("*")) < 8e6
    window = Window(browser)
    shown = window.open(page)
    assert f"{N_POINTS:,} machines of" in shown.locator("header").inner_text()
    assert shown.locator("#front tbody tr").count() == 200
    shown.get_by_role("button", name="show more rows").click()
    assert shown.locator("#front tbody tr").count() == 400
    assert window.complaints == []
    with capsys.disabled():
        print(f"\nreport of {N_POINTS:,} points: {window.open_s:.2f} s, {window.busy_s:.2f} s of them at work")
    assert window.busy_s < 6  # benchmarks/pages.py has the time; a core that others use, too, takes longer for the same
