"""The demonstration site as a visitor meets it. Set FCGIPM_TEST_PICTURES=FOLDER to keep a picture of each page."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.support.chromium import Window

PAGES = ["/", "/journey", "/upload", "/stream", "/live", "/race", "/error"]
VIEWS = [("light", 1200), ("dark", 1200), ("light", 360), ("dark", 390)]


@pytest.mark.parametrize("page", ["embedded"], indirect=True)
@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_every_page_on_every_screen(page: Window, scheme: str, width: int) -> None:
    """Nothing sticks out to the right, every page has its heading, and day and night differ."""
    page.scheme(scheme)
    page.size(width, 800, phone=width < 500)
    for path in PAGES:
        if path == "/stream":  # no need to wait for its end
            page.go(path)
            page.wait(lambda: len(page.all(".parts li")) >= 2, "two parts")
        else:
            page.open(path)
        assert page.script("return document.documentElement.scrollWidth <= window.innerWidth"), f"{path} is wider than {width}"
        assert page.text("h1")
        background = page.script("return getComputedStyle(document.body).backgroundColor")
        assert (sum(int(part) for part in background[4:-1].split(",")) < 200) == (scheme == "dark")
        pictures = os.environ.get("FCGIPM_TEST_PICTURES")
        if pictures:
            page.picture(Path(pictures) / f"{path.strip('/') or 'start'}-{scheme}-{width}.png")


def test_who_answered(page: Window) -> None:
    page.open("/")
    pid = page.text(".pid")
    assert pid.isdigit() and Path("/proc", pid).exists()
    assert page.text("#generation") == "1"
    assert "records" in page.text(".line") and "Chromium" in page.text(".line")
    page.find("#ask").click()
    page.wait(lambda: page.text("#asked").startswith("48 answers from"), "48 answers")
    counts = {row.text.split()[1]: int(row.text.split()[-1]) for row in page.all("#shares li")}
    assert sum(counts.values()) == 48 and len(counts) > 1
    assert len(page.all("#answers i.in")) == 48


def test_the_journey_shows_the_records_of_its_own_request(page: Window) -> None:
    page.open("/journey")
    kinds = [record.get_attribute("data-kind") for record in page.all(".record")]
    assert kinds == ["BEGIN_REQUEST", "PARAMS", "PARAMS", "STDIN"]
    page.find("#word").clear()
    page.find("#word").send_keys("grüß dich")
    page.find(".inline button").click()
    page.wait(lambda: len(page.all(".record")) == 5, "the answer to the form")
    page.script("for (const one of document.querySelectorAll('details')) one.open = true")
    assert "word=gr%C3%BC%C3" in page.text(".record:nth-child(4) .dump")
    rows = {row.text.split()[0]: row.text for row in page.all(".stops > li:last-child tbody tr")}
    assert rows["REQUEST_METHOD"] == "REQUEST_METHOD POST sent"
    assert rows["fcgipm.pool"] == "fcgipm.pool demo added"
    assert page.find("#word").get_attribute("value") == "grüß dich"


def test_an_upload_with_its_progress(page: Window, tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (tmp_path / "noise.bin").write_bytes(content)
    page.open("/upload")
    page.find("#name").send_keys("Zoë")
    page.find("#file").send_keys(str(tmp_path / "noise.bin"))
    page.upload_speed(2 << 20)
    seen: set[float] = set()
    page.find("form button").click()
    page.wait(lambda: seen.add(page.find("#progress").get_property("value")) or page.find("#result").is_displayed(), "the result")
    page.upload_speed(-1)
    between = [value for value in seen if 0 < value < 1]
    assert len(between) >= 2, seen
    assert page.text("[data-field=size]") == f"{len(content):,} bytes"
    assert page.text("[data-field=sha256]") == hashlib.sha256(content).hexdigest()
    assert page.text("#result h2") == "Arrived, thank you, Zoë"
    page.wait(lambda: page.find("[data-field=same]").is_displayed(), "the browser's own sum")


def test_a_streamed_page_arrives_in_parts(page: Window) -> None:
    page.open("/")
    page.go("/stream")
    page.wait(lambda: 1 <= len(page.all(".parts li")) < 12, "some parts, not all")
    assert page.all("#complete") == []
    page.wait(lambda: page.all("#complete"), "the end of the page")
    assert len(page.all(".parts li")) == 12


def test_live_events(page: Window) -> None:
    page.open("/live")
    page.wait(lambda: page.text("#number") == "2", "the second event")
    assert page.text("#state") == "connected"
    assert Path("/proc", page.text("#pid")).exists()
    assert "MiB" in page.text("#memory") and len(page.all("#log li")) == 2
    page.find("#toggle").click()
    assert page.text("#state") == "paused"
    page.find("#toggle").click()
    page.wait(lambda: page.text("#state") == "connected" and page.text("#number") == "1", "events again")


@pytest.mark.parametrize("page", ["embedded"], indirect=True)
def test_a_race(page: Window) -> None:
    """The difference can be seen while it runs, and is said when it is over."""
    page.open("/race")
    page.script(HEARD)
    page.find("#go").click()
    page.wait(lambda: page.text("#told").startswith("FastCGI: "), "the end", 40)
    heard = page.script("return window.heard")
    assert [text for text, _ in heard][:-1] == ["FastCGI is off.", "Now CGI."], "what a screen reader is told: three things, not thirty"
    assert all(disabled for _, disabled in heard)
    fast, slow = facts(page, "fastcgi"), facts(page, "cgi")
    assert fast["laps"] > 5 * slow["laps"] > 0
    assert slow["processes"] == slow["laps"], "a process for each request"
    assert fast["processes"] <= 4
    assert "times as many" in page.text("#told")
    said = page.find("#chart").get_attribute("aria-label") or ""
    assert f"CGI: {slow['laps']} requests" in said
    assert len((page.find("#chart .fastcgi").get_attribute("points") or "").split()) > 10
    assert page.script("return document.activeElement.id") == "go", "the keyboard is where it was"
    if os.environ.get("FCGIPM_TEST_PICTURES"):
        page.picture(Path(os.environ["FCGIPM_TEST_PICTURES"]) / "race-over.png")


HEARD = """
window.heard = [];
const [told, go] = [document.getElementById('told'), document.getElementById('go')];
new MutationObserver(() => window.heard.push([told.textContent, go.disabled])).observe(told, {childList: true});
"""


def facts(page: Window, lane: str) -> dict[str, int]:
    """What the page shows of a lane."""
    texts = {name: page.text(f"[data-lane={lane}] [data-fact={name}]").replace(",", "") for name in ("laps", "processes")}
    return {name: int(text) if text.isdigit() else 0 for name, text in texts.items()}


def asked_for_a_race(page: Window) -> bytes:
    """The first line of the answer; who asked leaves then."""
    asked = urllib.request.Request(page.base + "/race/run", b"{}", {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return bytes(answer.readline())


def test_one_race_at_a_time_and_it_ends_when_its_visitor_leaves(page: Window) -> None:
    page.open("/race")
    page.find("#go").send_keys(Keys.ENTER)
    page.wait(lambda: facts(page, "fastcgi")["laps"] > 0, "it runs")
    assert asked_for_a_race(page) == b'{"busy": true}\n'
    page.open("/")
    page.wait(lambda: b'"laps"' in asked_for_a_race(page), "a race of the next visitor")


@pytest.mark.parametrize("page", ["embedded"], indirect=True)
def test_with_the_keyboard_alone(page: Window) -> None:
    page.open("/")
    page.press(Keys.TAB)
    assert page.script("return document.activeElement.className") == "skip"
    page.press(Keys.ENTER)
    page.wait(lambda: page.script("return document.activeElement.id") == "content", "the content has the focus")
    reached = []
    for _ in range(2):
        page.press(Keys.TAB)
        reached.append(page.script("return document.activeElement.textContent").strip())
    assert reached == ["Look at every byte of it", "Send 48 requests"]
    assert page.script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press(Keys.ENTER)
    page.wait(lambda: "answers" in page.text("#asked"), "the button's work")


def test_an_error_is_explained(doors: dict[str, str], window: Window) -> None:
    """The one page whose console is not empty: a browser notes status 500 there, and nothing else."""
    window.forget()
    window.base = doors["embedded"].rstrip("/")
    window.open("/error").find("main button").click()
    window.wait(lambda: "500" in window.driver.title, "the failed page")
    assert "ZeroDivisionError: division by zero" in window.text("pre")
    assert [line for line in window.console if "status of 500" not in line] == []
    assert window.foreign_requests == []


@pytest.mark.parametrize("door", ["embedded", "nginx"])
def test_without_scripts_the_form_works(doors: dict[str, str], door: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n'
    asked = urllib.request.Request(doors[door] + "upload", body, {"Content-Type": "multipart/form-data; boundary=b"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert hashlib.sha256(b"hello").hexdigest() in answer.read().decode()
