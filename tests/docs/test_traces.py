"""No file tells where, on what machine or how the project is made."""

import re
from functools import cache
from pathlib import Path

import pytest
from documents import ROOT

SKIPPED = {".git", ".plan", "__pycache__", ".venv", "dist", "build", "demo"}
OWN = Path(__file__).name

FORBIDDEN = {
    "a path of a machine": r"(?<![\w.~$/])/(?:work|root|home|Users|tmp|mnt|media)/[\w.]",
    "an index host": r"pypi\.org|pythonhosted|(?<![\w-])--(?:extra-)?index-url|/simple/|pytorch\.org/whl",
    "a number of an issue": (
        r"(?i)\b(?:issues?|tickets?|pull requests?|PRs?)\s+#?\d|(?<![\w&\"'(#:])#\d{1,5}(?![\w;])"
    ),
    "how the text came about": (
        r"(?i)\b(?:this|that|previous|earlier|last|next|another|other|parallel|each|every|later)\s+"
        r"(?:session|helper|agent|assistant|conversation)s?\b|\bhelpers?\b(?=.*\b(?:built|made|wrote|will)\b)"
        r"|\b(?:language model|LLM|chatbot|prompted|sub-?agents?)\b"
    ),
    "something left undone": r"\b(?:TODO|FIXME|XXX)\b",
}


@cache
def texts() -> dict[str, str]:
    """Return the text of every file that is or may be tracked."""
    ignored = {
        line.strip().strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if "/" in line
    }
    found = {}
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if set(parts) & (SKIPPED | ignored) or not path.is_file() or path.name == OWN:
            continue
        if any(part.startswith(".") and part.endswith("_cache") for part in parts):
            continue
        try:
            found["/".join(parts)] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def test_the_files_are_seen():
    assert {"README.md", "requirements.lock", ".ci/run", "src/semioscope/__init__.py"} <= set(texts())
    assert not any(name.startswith((".venv", ".git/", ".plan")) for name in texts())


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what):
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for name, text in texts().items()
        for match in pattern.finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize("here", [str(ROOT), str(Path.home())])
def test_no_file_names_this_place(here):
    assert len(here) > 1
    assert [name for name, text in texts().items() if f"{here}/" in text] == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of a machine", "see /" + "home/anna/x"),
        ("an index host", "https://" + "pypi.org/simple"),
        ("a number of an issue", "fixed in issue" + " #12"),
        ("a number of an issue", "closes " + "#12"),
        ("how the text came about", "left to the next " + "session"),
        ("something left undone", "# TO" + "DO"),
    ],
)
def test_the_patterns_find_what_they_are_for(what, text):
    assert re.search(FORBIDDEN[what], text)


@pytest.mark.parametrize("text", ['scope="session"', "#123456", "a/tmp/x", "color:#777;", "video session"])
def test_the_patterns_leave_the_rest(text):
    assert not any(re.search(pattern, text) for pattern in FORBIDDEN.values())


def test_the_lock_holds_hashes_and_no_addresses():
    lock = texts()["requirements.lock"]
    assert "://" not in lock
    assert lock.count("--hash=sha256:") > 100
