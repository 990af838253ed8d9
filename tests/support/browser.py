"""Loads a page in a browser without a window, when one is installed, and says what became of it."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-extensions",
)  # fmt: skip


def browser() -> str | None:
    """Return the program of a browser, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def played(page: Path, script: str, *, folder: Path) -> dict:
    """Return what a script says after it ran in a page.

    The page keeps its content security policy, with the script allowed. The script runs at the end of every
    load and calls ``tell(object)`` once it is done.

    Args:
        page: The page; left as it is.
        script: JavaScript.
        folder: An empty folder for the copy and the browser's own files.
    """
    told = f"const tell = (what) => {{ document.body.dataset.told = JSON.stringify(what); }};\n{script}"
    allowed = base64.b64encode(hashlib.sha256(told.encode()).digest()).decode()
    text = page.read_text(encoding="utf-8")
    assert "script-src 'sha256-" in text
    text = text.replace("script-src '", f"script-src 'sha256-{allowed}' '", 1)
    text = text.replace("</body>", f"<script>{told}</script>\n</body>")
    copy = folder / "page.html"
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [browser(), *_FLAGS, f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=4000", "--dump-dom",
         copy.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r'<body [^>]*data-told="([^"]*)"', done.stdout)
    assert found, f"the script did not come to its end: {done.stderr[-2000:]}"
    return json.loads(html.unescape(found[1]))
