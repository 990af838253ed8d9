"""The section about a random search."""

import json
from pathlib import Path

from semioscope.report import write_report
from semioscope.report.search import search_section

CHOSEN = {
    "aggregator": {"lstm_sizes": [94, 158], "fc_sizes": [119], "dropout": 0.30590971, "l2": 0.0004074},
    "training": {"loss": "bce", "epochs": 1031, "batch_size": 1640},
}
SEARCH = {
    "num_trials": 2,
    "space": "lstm_fc",
    "num_failed": 1,
    "chosen": [{"fold": 3, "score": 0.61234, **CHOSEN}],
    "final": CHOSEN,
}


def test_a_run_without_a_search_has_no_section() -> None:
    assert search_section({}) == {}
    assert search_section({"search": {}}) == {}


def test_the_settings_of_every_fold_and_of_the_final_model_are_told() -> None:
    found = search_section({"search": SEARCH})
    assert found["told"].startswith("2 trials of random settings in every fold")
    assert found["told"].endswith("1 trial failed.")
    fold, final = found["rows"]
    assert (fold["title"], fold["score"], final["title"], final["score"]) == (
        "Fold 3", "0.61", "Final model", "",
    )  # fmt: skip
    shown = dict(zip(found["columns"], fold["cells"], strict=True))
    assert shown == {
        "LSTM": "94, 158", "FC": "119", "Dropout": "0.306", "Recurrent dropout": "", "L2": "0.000407",
        "Loss": "bce", "Epochs": "1031", "Batch": "1640",
    }  # fmt: skip
    assert final["cells"] == fold["cells"]


def test_it_stands_on_the_page(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(json.dumps({"classes": ["a", "b"], "search": SEARCH}))
    page = write_report(tmp_path).read_text()
    assert 'id="search"' in page
    assert "94, 158" in page
