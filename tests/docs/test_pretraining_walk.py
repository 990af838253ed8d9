"""The commands of ``docs/pretraining.md``, in its order; only cohort and networks are tiny ones.

Those for several processes are parsed here; ``tests/integration/test_pretrain_command.py`` gives such a one.
"""

import itertools
import shutil

from documents import command_lines
from tiny import call
from tiny_hou import PRETRAIN_SETTINGS, shared_hou, with_settings

WALK = [found for found in command_lines() if found.document == "pretraining.md"]
ALONE = [found.words[1:] for found in WALK if not found.text.startswith("torchrun")]
SMALL = [
    "--weights",
    "random",
    "--device",
    "cpu",
    "--workers",
    "1",
    "--progress",
    "quiet",
    "--num-clips",
    "6",
]


def test_the_walk_is_whole():
    assert all(found.words[:2] == ["semioscope", "pretrain"] for found in WALK)
    assert len(WALK) - len(ALONE) == 2
    assert [words[words.index("--out") + 1] for words in ALONE] == [
        "mypretraining", "mypretraining", "again", "longer", "trial", "large",
    ]  # fmt: skip


def test_every_command_for_one_process_works(tmp_path, tmp_path_factory, monkeypatch):
    hou = shared_hou(tmp_path_factory)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMIOSCOPE_STORE", str(hou.store))
    shutil.copytree(hou.cohort, tmp_path / "mycohort")
    for words in ALONE:
        from_file = words[1].endswith("config.yaml")
        own = [word for setting in words_of_settings(words) for word in ("--set", setting)]
        given = SMALL if from_file else [*SMALL, *with_settings(PRETRAIN_SETTINGS), *own]
        shown = call(*words, *given)
        assert shown.exit_code == 0, f"{words}\n{shown.text}"
        assert "Next: " in shown.out
    texts = [(tmp_path / name / "config.yaml").read_text() for name in ("mypretraining", "again")]
    assert texts[0] == texts[1]
    assert "epochs: 120" in (tmp_path / "longer" / "config.yaml").read_text()
    assert "learning_rate: 0.0005" in (tmp_path / "longer" / "config.yaml").read_text()


def words_of_settings(words):
    return [word for before, word in itertools.pairwise(words) if before == "--set"]
