"""A real Chromium, driven by its chromedriver: what a visitor sees, and what the browser's own log and network say."""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage", "--disable-features=Translate,OptimizationHints,MediaRouter", "--hide-scrollbars",
]  # fmt: skip
"""No sandbox: root cannot have one, nor many a container; what is opened here is our own."""

OWN = ("chrome:", "data:", "about:", "blob:")


def binaries() -> tuple[str, str] | None:
    """Chromium and its driver, where they are both."""
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    return (found[0], found[1]) if found[0] and found[1] else None


class Window:
    """One browser with a profile of its own, on one site."""

    def __init__(self, base: str) -> None:
        paths = binaries()
        assert paths, "no chromium and chromedriver on PATH: scripts/get-chromium fetches them"
        self.base = base.rstrip("/")
        self._profile = tempfile.mkdtemp(prefix="chromium-", dir="/tmp")
        options = ChromeOptions()
        options.binary_location = paths[0]
        for flag in [*FLAGS, f"--user-data-dir={self._profile}"]:
            options.add_argument(flag)
        options.page_load_strategy = "none"  # with any other, nothing can be asked of a page that is still arriving
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # A home of its own: crash reports and font caches go there, not to the user's.
        service = ChromeService(paths[1], env={**os.environ, "HOME": self._profile})
        self.driver = Chrome(options, service)
        self.driver.set_page_load_timeout(PATIENCE)
        self._console: list[str] = []
        self._requests: list[str] = []

    # What a visitor does.

    def open(self, path: str) -> Self:
        """Go there, and wait until everything is loaded."""
        self.go(path)
        self.wait(lambda: self.script("return !window.before && document.readyState === 'complete'"), f"{path} is loaded")
        return self

    def go(self, path: str) -> None:
        """Go there without waiting for more than the first bytes of a page."""
        self.script("window.before = true")
        self.driver.get(self.base + path)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str = "main") -> str:
        return self.find(selector).text

    def wait(self, condition: Callable[[], Any], what: str, timeout: float = PATIENCE) -> Any:
        """The first true value of `condition`."""
        return WebDriverWait(self.driver, timeout, 0.05).until(lambda _: condition(), what)

    def script(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)  # type: ignore[no-untyped-call]

    # How the page is shown.

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self._devtools("Emulation.setDeviceMetricsOverride", metrics)

    def scheme(self, name: str) -> None:
        """ "dark" or "light"."""
        self._devtools("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})

    def picture(self, path: Path) -> None:
        """The whole page, as high as it is."""
        height = int(self.script("return Math.ceil(document.documentElement.getBoundingClientRect().height)"))
        width = int(self.script("return window.innerWidth"))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self._devtools("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path.write_bytes(base64.b64decode(shot["data"]))

    def upload_speed(self, rate: int) -> None:
        """Bytes a second; -1: as fast as it goes."""
        self._devtools("Network.enable", {})
        self._devtools("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": rate})

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def _devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        return self.driver.execute_cdp_cmd(command, parameters)  # type: ignore[no-untyped-call]

    # What the browser noticed.

    @property
    def console(self) -> list[str]:
        """Messages of the console: warnings and errors, in order."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        self._console += [f"{entry['level']} {entry['message']}" for entry in entries if entry["level"] != "INFO"]
        return self._console

    @property
    def foreign_requests(self) -> list[str]:
        """Addresses that were asked for and are not of this site."""
        for entry in self.driver.get_log("performance"):  # type: ignore[no-untyped-call]
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._requests.append(message["params"]["request"]["url"])
        own = urlsplit(self.base).netloc
        return [url for url in self._requests if not url.startswith(OWN) and urlsplit(url).netloc != own]

    def forget(self) -> None:
        """Leave the site; what was noticed so far is forgotten."""
        self.driver.get("about:blank")
        assert self.console is not None and self.foreign_requests is not None
        self._console.clear()
        self._requests.clear()

    # The end.

    def close(self) -> None:
        self.driver.quit()
        shutil.rmtree(self._profile, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
