"""A headless Chromium driven through its driver: opens a file, runs scripts, presses keys, moves sliders."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
MISSING = "" if CHROMIUM and DRIVER else "chromium or chromedriver is not installed"

ARROW_RIGHT, TAB = "\ue014", "\ue004"

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_SECONDS = 60
_READ_CLIPBOARD = "navigator.clipboard.readText().then(arguments[0], (error) => arguments[0](String(error)))"


class Browser:
    """One window; everything goes through the W3C protocol of its driver."""

    def __init__(self, address: str, session: str) -> None:
        self._address, self._session = address, session

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return _ask(f"{self._address}/session/{self._session}/{path}", method, body)

    def size(self, width: int, height: int, dark: bool = False) -> None:
        """The size of the window, which may be narrower than a desktop allows, and the preferred scheme of colours."""
        touch = width < 500
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        self._command("Emulation.setDeviceMetricsOverride", metrics)
        self._command("Emulation.setTouchEmulationEnabled", {"enabled": touch})
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._command("Emulation.setEmulatedMedia", {"features": features})

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        return self._ask("POST", "goog/cdp/execute", {"cmd": name, "params": parameters})

    def open(self, page: Path) -> None:
        """Open a file and wait until it is loaded."""
        self._ask("POST", "url", {"url": page.as_uri()})

    def script(self, text: str, *arguments: object) -> Any:
        """What a script returns; its arguments are `arguments`."""
        return self._ask("POST", "execute/sync", {"script": text, "args": list(arguments)})

    def frame(self) -> None:
        """Wait until everything that was changed is drawn."""
        text = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));"
        self._ask("POST", "execute/async", {"script": text, "args": []})

    def wait(self, text: str) -> Any:
        """What a script returns as soon as that is not empty."""
        end = time.monotonic() + _SECONDS
        while not (found := self.script(text)) and time.monotonic() < end:
            time.sleep(0.1)
        return found

    def click(self, selector: str) -> None:
        """A click on an element, as with a mouse."""
        found = self._ask("POST", "element", {"using": "css selector", "value": selector})[_ELEMENT]
        self._ask("POST", f"element/{found}/click")

    def press(self, selector: str, keys: str) -> None:
        """Keys pressed while an element has the focus."""
        found = self._ask("POST", "element", {"using": "css selector", "value": selector})[_ELEMENT]
        self._ask("POST", f"element/{found}/value", {"text": keys})

    def clipboard(self) -> str:
        """The text on the clipboard."""
        self._command("Browser.grantPermissions", {"permissions": ["clipboardReadWrite"]})
        found: str = self._ask("POST", "execute/async", {"script": _READ_CLIPBOARD, "args": []})
        return found

    def touch(self, x: float, y: float) -> None:
        """A finger put on a place of the window and taken away."""
        pointer = {
            "type": "pointer",
            "id": "finger",
            "parameters": {"pointerType": "touch"},
            "actions": [
                {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)},
                {"type": "pointerDown", "button": 0},
                {"type": "pointerUp", "button": 0},
            ],
        }
        self._ask("POST", "actions", {"actions": [pointer]})

    def complaints(self) -> list[str]:
        """What stands in the console since the last call."""
        return [entry["message"] for entry in self._ask("POST", "se/log", {"type": "browser"})]

    def picture(self, file: Path) -> None:
        """A picture of the window."""
        file.write_bytes(base64.b64decode(self._ask("GET", "screenshot")))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser that keeps its profile in a folder."""
    assert CHROMIUM is not None
    assert DRIVER is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with (folder / "driver.log").open("wb") as log:
        driver = subprocess.Popen(
            [DRIVER, f"--port={port}"], stdout=log, stderr=log, env=os.environ | {"HOME": str(folder)}
        )
        try:
            _wait(address)
            started = _ask(f"{address}/session", "POST", {"capabilities": {"alwaysMatch": _capabilities(folder)}})
            try:
                yield Browser(address, started["sessionId"])
            finally:
                _ask(f"{address}/session/{started['sessionId']}", "DELETE")
        finally:
            driver.terminate()
            driver.wait(timeout=_SECONDS)


def _capabilities(folder: Path) -> dict[str, Any]:
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
    ]
    return {
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": CHROMIUM, "args": flags},
        "goog:loggingPrefs": {"browser": "ALL"},
    }


def _wait(address: str) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        try:
            if _ask(f"{address}/status", "GET")["ready"]:
                return
        except URLError:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


def _ask(url: str, method: str, body: dict[str, Any] | None = None) -> Any:
    content = None if method != "POST" else json.dumps(body or {}).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"}, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=_SECONDS) as answer:
        return json.load(answer)["value"]
