"""A run whose folds or selection are not those of its protocol says so wherever it names the protocol."""

import json
import re
from pathlib import Path

from tiny import Tiny, call, run_arguments


def test_own_folds_are_not_called_by_the_name_of_a_protocol(tiny: Tiny, tmp_path: Path) -> None:
    own = ("--set", "folds.rule=seizure", "--set", "selection.on=test", "--set", "baselines=[majority]")
    more = (*own, "--thumbnails", "off", "--store", str(tiny.store))
    assert call(*run_arguments(tiny.cohort, tmp_path / "run", *more)).exit_code == 0
    for run, words in ((tmp_path / "run", "own settings (from patient)"), (tiny.run, "patient")):
        bundle = run / "models" / "gestures-2021.semio"
        assert json.loads((run / "scores.json").read_text())["run"]["protocol"] == words
        assert json.loads((bundle / "bundle.json").read_text())["protocol"] == words
        card = (bundle / "model_card.md").read_text()
        assert f"Cross-validated, protocol: {words}. The final model was trained on all events" in card
        page = (run / "report.html").read_text()
        above = page[: page.index('<h2 id="settings">')]
        assert above.count(f"protocol: {words}") == 2  # the header and the folds
        assert f'<th scope="row">Protocol</th><td class="id">{words}</td>' in page
        assert not re.search(r"protocol patient", page)
