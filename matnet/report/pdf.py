"""The page as PDF, printed by a browser installed on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from matnet.errors import UnsupportedError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
SECONDS = 120


def pdf(page: str) -> bytes:
    """A page of ``matnet.report.page`` printed to PDF; folded tables are unfolded.

    Raises
    ------
    UnsupportedError
        No such browser is installed, or it failed to print.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise UnsupportedError(
            f"a PDF is printed by a browser, but none of {', '.join(BROWSERS)} is on the PATH; write .html and print "
            "it from another browser"
        )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_text(page.replace("<details>", "<details open>"), encoding="utf-8")
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--disable-background-networking",
            "--no-pdf-header-footer",
            f"--user-data-dir={Path(folder, 'profile')}",
            f"--print-to-pdf={target}",
            source.as_uri(),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(
                1, "--no-sandbox"
            )  # Chromium does not start as root with its sandbox; the page has no script
        try:
            subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
            return target.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            reason = _reason(error)
            raise UnsupportedError(f"{browser} did not print the page: {reason}; write .html and print it") from error


def _reason(error: OSError | subprocess.SubprocessError) -> str:
    """Why there is no page, without the command."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"it ended with {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it took more than {SECONDS} s"
    return str(error)
