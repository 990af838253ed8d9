"""What the documents of the repository promise: commands, options, links, Python."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
PROGRAMS = (
    "semioscope",
    "make",
    "torchrun",
    "source",
    "python3",
    ".venv/bin/pip",
    "VIRTUAL_ENV=.venv",
    ".venv/bin/semioscope",
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of a document."""

    document: str
    line: int
    text: str

    @property
    def words(self) -> list[str]:
        """The words of a command, without its comment; of several processes the command of each."""
        words = shlex.split(self.text, comments=True)
        if words[:1] == ["torchrun"] and "-m" in words:
            return words[words.index("-m") + 1 :]
        return words

    def __str__(self) -> str:
        return f"{self.document}:{self.line} {self.text}"


def blocks(language: str) -> list[Found]:
    """Return the fenced blocks of a language ("" for those without)."""
    return [
        Found(path.name, line_of(text, match.start()), match[2])
        for path in DOCUMENTS
        for text in [path.read_text(encoding="utf-8")]
        for match in _FENCE.finditer(text)
        if match[1] == language
    ]


def is_command(line: str) -> bool:
    return line.split(" ", 1)[0] in PROGRAMS


def command_lines() -> list[Found]:
    """Return each line of the blocks that hold commands; drawings hold none."""
    found = []
    for block in blocks(""):
        lines = block.text.splitlines()
        if any(is_command(line) for line in lines):
            found += [
                Found(block.document, block.line + number, line)
                for number, line in enumerate(lines, start=1)
                if line.strip()
            ]
    return found


def inline(beginning: str = "") -> list[Found]:
    """Return the inline code of all documents, outside blocks, that begins so."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        hidden = _FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        found += [
            Found(path.name, line_of(text, match.start()), match[1])
            for match in _INLINE.finditer(hidden)
            if match[1].startswith(beginning)
        ]
    return found


def links() -> list[Found]:
    """Return the targets of links and pictures."""
    return [
        Found(path.name, line_of(text, match.start()), match[1])
        for path in DOCUMENTS
        for text in [path.read_text(encoding="utf-8")]
        for match in _LINK.finditer(text)
    ]


def line_of(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def path_of(document: str) -> Path:
    return next(path for path in DOCUMENTS if path.name == document)
