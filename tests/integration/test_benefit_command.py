"""``semioscope run --pretrained``: from a pre-training to the answer whether it helped, at tiny size."""

import json
import shutil

import pytest
from tiny import assert_same_files, call, edit, edit_rows
from tiny_hou import WITH_VIDEO, TinyHou, hou_arguments, pretrain_arguments, shared_hou

from semioscope.runs.benefit import VARIANTS
from semioscope.scoring import AVERAGES, OF_A_CLASS

NAMES = [variant.name for variant in VARIANTS]


@pytest.fixture(scope="module")
def hou(tmp_path_factory) -> TinyHou:
    return shared_hou(tmp_path_factory)


def command(hou, out, *more, **kind):
    return hou_arguments(
        hou.cohort, out, "--store", hou.store, "--pretrained", hou.pretraining, *more, **kind
    )


@pytest.fixture(scope="module")
def answered(hou, tmp_path_factory):
    """The folder of an undisturbed command, and what it said."""
    out = tmp_path_factory.mktemp("answered") / "out"
    done = call(*command(hou, out))
    assert done.exit_code == 0, done.text
    return out, done.out


def content_of(out):
    return json.loads((out / "benefit.json").read_text())


def test_three_runs_and_the_answer(answered):
    out, told = answered
    content = content_of(out)
    assert [one["name"] for one in content["variants"]] == NAMES == ["pretrained", "scratch", "frozen"]
    assert {one["status"] for one in content["variants"]} == {"done"}
    assert content["synthetic"]
    assert content["answer"]["verdict"] in ("helped", "harmed", "not shown")
    assert content["answer"]["lead"] in told
    assert "these scores mean nothing clinically" in told
    assert told.splitlines()[-1].startswith("Next: ")
    for name in NAMES:
        assert (out / name / "report.html").is_file()
        assert f"{name}/report.html" in (out / "report.html").read_text()
    pairs = {(pair["run"], pair["against"]) for pair in content["comparison"]["pairs"]}
    assert pairs == {("pretrained", "scratch"), ("frozen", "scratch"), ("pretrained", "frozen")}
    assert content["cohort"]["num_patients"] == 5
    assert content["cohort"]["per_class"]["PNES"]["patients"] == 2


def test_the_runs_differ_only_in_how_they_begin_and_what_is_trained(answered):
    from semioscope.recipes import read_config

    out, _ = answered
    configs = {name: read_config(out / name / "config.yaml") for name in NAMES}
    begun = {name: config.aggregator.pretrained_sha256 for name, config in configs.items()}
    assert begun["pretrained"] == begun["frozen"] != begun["scratch"] is None
    assert {name: config.aggregator.frozen for name, config in configs.items()} == {
        "pretrained": False, "scratch": False, "frozen": True,
    }  # fmt: skip
    alike = {"pretrained": None, "pretrained_sha256": None, "frozen": False}
    plain = [
        config.model_copy(update={"aggregator": config.aggregator.model_copy(update=alike)})
        for config in configs.values()
    ]
    assert plain[0] == plain[1] == plain[2]
    folds = {(out / name / "folds.json").read_bytes() for name in NAMES}
    assert len(folds) == 1
    predictions = {(out / name / "predictions.tsv").read_bytes() for name in NAMES}
    assert len(predictions) == 3


def test_every_average_of_every_run_and_of_the_paper_is_on_the_page(answered):
    out, _ = answered
    content, page = content_of(out), (out / "report.html").read_text()
    for one in content["variants"]:
        own = json.loads((out / one["name"] / "scores.json").read_text())["averages"]
        assert own["overall"] == one["averages"]["overall"]
        assert set(one["averages"]["overall"]) == set(AVERAGES)
        for values in one["averages"]["per_class"]:
            assert set(OF_A_CLASS) < set(values)
        for value in one["averages"]["overall"].values():
            assert f"{value['value']:.3f}" in page
    assert content["published"]["printed"] == {"accuracy": 0.75, "f1": 0.82}
    for text in ("0.82", "0.756", "0.840", "0.489", "0.664", "0.780", "Always ES", "No usual average"):
        assert text in page
    assert "not a medical device" in page
    assert "Synthetic videos." in page
    run_page = (out / "pretrained" / "report.html").read_text()
    assert "Every average of this matrix, beside the printed ones" in run_page
    assert "0.780" in run_page


def test_patients_whom_pre_training_saw_are_told_everywhere(answered):
    out, told = answered
    content = content_of(out)
    overlap = content["overlap"]
    assert overlap["patients"] == list(WITH_VIDEO)
    assert (overlap["num_tested"], overlap["share"]) == (5, 0.6)
    seen, others = overlap["groups"]["seen"], overlap["groups"]["not_seen"]
    assert (seen["num_patients"], others["num_patients"]) == (3, 2)
    assert seen["num_events"] + others["num_events"] == content["cohort"]["num_events"] == 6
    for name in NAMES:
        right = seen["num_right"][name] + others["num_right"][name]
        accuracy = next(one for one in content["variants"] if one["name"] == name)["averages"]["overall"][
            "accuracy"
        ]
        assert right / 6 == pytest.approx(accuracy["value"])
    sentence = "Contextual video of 3 of 5 tested patients (60 %) was used in pre-training"
    assert sentence in told
    assert sentence in (out / "report.html").read_text()
    notes = {name: json.loads((out / name / "scores.json").read_text())["notes"] for name in NAMES}
    assert [any(sentence in note for note in notes[name]) for name in NAMES] == [True, False, True]


def test_the_same_command_again_and_in_another_folder_gives_the_same_bytes(
    hou, answered, tmp_path, monkeypatch
):
    out, _ = answered
    shutil.copytree(out, tmp_path / "again")
    (tmp_path / "again" / "benefit.json").unlink()
    (tmp_path / "again" / "report.html").unlink()
    shutil.rmtree(tmp_path / "again" / "scratch")
    monkeypatch.chdir(hou.pretraining.parent)
    done = call(*command(hou, tmp_path / "again", "--pretrained", hou.pretraining.name))
    assert done.exit_code == 0, done.text
    volatile = tuple(f"{name}/{file}" for name in NAMES for file in VOLATILE_OF_A_RUN)
    assert_same_files(tmp_path / "again", out, without=(*volatile, "units"))


VOLATILE_OF_A_RUN = ("run.jsonl", "provenance.json", "units/ledger", "units/lock")


def test_a_run_that_fails_is_told_and_the_others_go_on(hou, answered, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(answered[0], out)
    shutil.rmtree(out / "frozen")
    (out / "frozen").mkdir()
    (out / "frozen" / "letter.txt").write_text("something else")
    done = call(*command(hou, out))
    assert done.exit_code == 1
    assert "Frozen: failed. --out must be a new or empty folder or a run" in done.out
    content = content_of(out)
    assert [one["status"] for one in content["variants"]] == ["done", "done", "failed"]
    assert [(pair["run"], pair["against"]) for pair in content["comparison"]["pairs"]] == [
        ("pretrained", "scratch")
    ]
    page = (out / "report.html").read_text()
    assert "Frozen: failed." in page
    assert content["answer"]["lead"].startswith("Pre-training: accuracy")


def test_strict_refuses_before_any_work(hou, tmp_path):
    done = call(*command(hou, tmp_path / "out", "--strict"))
    assert done.exit_code == 2
    assert "contextual video of 3 of 5 tested patients was used" in done.err
    assert "p01, p02, p03" in done.err
    assert (
        "Pre-train on contextual video of other patients, as nobody would be left without these" in done.err
    )
    assert not (tmp_path / "out").exists()


def test_strict_says_whom_pre_training_must_leave_out(hou, tmp_path):
    cohort = tmp_path / "cohort"
    shutil.copytree(hou.cohort, cohort, ignore=shutil.ignore_patterns("derived"))
    edit_rows(cohort / "seizures.tsv", lambda row: None if row["recording_id"].startswith("p02-") else row)
    done = call(*command(hou, tmp_path / "out", "--cohort", cohort, "--strict", "--dry-run"))
    assert done.exit_code == 2, done.text
    assert "contextual video of 2 of 4 tested patients was used" in done.err
    assert "--without-patients p01,p03 ...)" in done.err


def test_strict_lets_pass_whom_pre_training_has_not_seen(hou, tmp_path):
    others = tmp_path / "others"
    shutil.copytree(hou.cohort, others, ignore=shutil.ignore_patterns("derived"))
    for table in ("patients", "recordings"):
        edit_rows(others / f"{table}.tsv", lambda row: row | {"patient_id": f"x{row['patient_id']}"})
    done = call(*command(hou, tmp_path / "out", "--strict", "--cohort", others, "--dry-run"))
    assert done.exit_code == 0, done.text
    assert (
        "No tested patient's contextual video was used in pre-training, as far as patient_id tells"
        in done.out
    )
    assert not (tmp_path / "out").exists()


def test_pre_training_without_patients_has_not_seen_them(hou, tmp_path):
    other = tmp_path / "other"
    done = call(
        *pretrain_arguments(hou.cohort, other, "--store", hou.store, "--without-patients", "p01, p02")
    )
    assert done.exit_code == 0, done.text
    assert "Contextual video of p01 and p02 is left out" in done.out
    assert "Contextual video of p01 and p02 is left out" in (other / "report.html").read_text()
    rows = (other / "patients.tsv").read_text().splitlines()[1:]
    assert [row.split("\t")[0] for row in rows] == ["p03"]
    done = call(*command(hou, tmp_path / "out", "--pretrained", other, "--dry-run"))
    assert "Contextual video of 1 of 5 tested patients (20 %) was used in pre-training" in done.out


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("p01,p77", "'p77'"),
        ("p01,p02,p03", "without p01, p02 and p03 nobody has"),
    ],
)
def test_whom_pre_training_cannot_leave_out(hou, tmp_path, names, told):
    out = tmp_path / "other"
    done = call(*pretrain_arguments(hou.cohort, out, "--store", hou.store, "--without-patients", names))
    assert done.exit_code == 2
    assert told in done.err


def test_an_unfinished_pre_training_is_used_and_told(hou, tmp_path):
    part = tmp_path / "part"
    done = call(*pretrain_arguments(hou.cohort, part, "--store", hou.store, "--stop-after", "1"))
    assert done.exit_code == 0, done.text
    done = call(*command(hou, tmp_path / "out", "--pretrained", part, "--dry-run"))
    assert done.exit_code == 0, done.text
    assert "step 1 of " in done.out
    assert "It is not finished, and is used as it stands." in done.out


def test_what_is_no_pre_training_is_refused(hou, answered, tmp_path):
    def refused(pretrained):
        done = call(*command(hou, tmp_path / "out", "--pretrained", pretrained))
        assert done.exit_code == 2, done.text
        assert not (tmp_path / "out").exists()
        return done.err

    assert "but it does not exist. Make one with semioscope pretrain" in refused(tmp_path / "absent")
    assert "but it is a file" in refused(hou.pretraining / "pretraining.safetensors")
    assert "the folder of a run that classifies" in refused(answered[0] / "scratch")
    begun = tmp_path / "begun"
    shutil.copytree(hou.pretraining, begun)
    (begun / "pretraining.safetensors").unlink()
    assert "has no pretraining.safetensors. Give the command of the pre-training again" in refused(begun)
    spoilt = tmp_path / "spoilt"
    shutil.copytree(hou.pretraining, spoilt)
    edit(spoilt / "curve.json", lambda text: text.replace('"num_steps"', '"number"'))
    assert "it cannot be understood (KeyError('num_steps'))" in refused(spoilt)
    edited = tmp_path / "edited"
    shutil.copytree(hou.pretraining, edited)
    edit_rows(edited / "patients.tsv", lambda row: None if row["patient_id"] == WITH_VIDEO[0] else row)
    assert "must name the patients whose video pretraining.safetensors was trained on" in refused(edited)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--set", "aggregator.transformer.width=32"), "Transformer of another architecture: width is 16, not 32"),
        (("--set", "backbone.name=resnet152"), "the backbone that its Transformer was pre-trained with, resnet34"),
        (("--set", "aggregator.frozen=true"), "aggregator.frozen tells the runs of --pretrained apart"),
        (("--set", "aggregator.name=blstm"), "is for recipes whose classifier is the Transformer, got aggregator"),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_with_the_pre_training_are_refused_before_any_work(hou, tmp_path, more, told):
    done = call(*command(hou, tmp_path / "out", *more))
    assert done.exit_code == 2
    assert told in done.err
    assert not (tmp_path / "out").exists()


def test_a_backbone_with_other_weights_is_refused_before_extraction(hou, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(hou.pretraining, other)
    edit(other / "curve.json", lambda text: text.replace('"random-0-', '"random-9-'))
    done = call(*command(hou, tmp_path / "out", "--pretrained", other))
    assert done.exit_code == 2
    assert "weights_hash of resnet34 was random-9-" in done.err
    assert not (tmp_path / "out").exists()


def test_a_run_goes_on_where_its_pre_training_was_moved(hou, answered, tmp_path):
    moved, out = tmp_path / "moved", tmp_path / "out"
    shutil.copytree(hou.pretraining, moved)
    shutil.copytree(answered[0], out)
    (out / "benefit.json").unlink()
    done = call(*command(hou, out, "--pretrained", moved))
    assert done.exit_code == 0, done.text
    assert (out / "benefit.json").read_bytes() == (answered[0] / "benefit.json").read_bytes()
    edit(moved / "curve.json", lambda text: text.replace('"random-0-', '"random-9-'))
    done = call(*command(hou, tmp_path / "dry", "--pretrained", moved, "--dry-run"))
    assert done.exit_code == 2
    assert "weights_hash of resnet34 was random-9-" in done.err


def test_a_cohort_of_one_class_is_refused(hou, tmp_path):
    cohort = tmp_path / "cohort"
    shutil.copytree(hou.cohort, cohort, ignore=shutil.ignore_patterns("derived", "videos"))
    edit_rows(cohort / "seizures.tsv", lambda row: row if row["seizure_type"] == "ES" else None)
    done = call(*command(hou, tmp_path / "out", "--cohort", cohort))
    assert done.exit_code == 2
    assert "needs events of every class, but there is none of class PNES" in done.err


def test_seizures_without_a_label_are_left_out_and_counted(hou, tmp_path):
    cohort = tmp_path / "cohort"
    shutil.copytree(hou.cohort, cohort, ignore=shutil.ignore_patterns("derived"))
    first = (cohort / "seizures.tsv").read_text().splitlines()[1].split("\t")[0]
    edit_rows(
        cohort / "seizures.tsv",
        lambda row: row | ({"seizure_type": "n/a"} if first in row.values() else {}),
    )
    done = call(*command(hou, tmp_path / "out", "--cohort", cohort, "--dry-run"))
    assert "5 events" in done.out, done.text
    assert "Left out: 1" in done.out


def test_the_folder_of_other_runs_is_refused(hou, answered):
    out, _ = answered
    before = (out / "benefit.json").read_bytes()
    done = call(*command(hou, out, "--seed", "3"))
    assert done.exit_code == 2
    assert (
        "holds runs with other settings or of another state of the pre-training (pretrained differs)"
        in done.err
    )
    assert (out / "benefit.json").read_bytes() == before
    done = call(*command(hou, out / "scratch"))
    assert done.exit_code == 2
    assert "holds a single run, so the runs with and without pre-training need another --out" in done.err


def test_without_pre_training_it_is_one_run_that_says_how(hou, tmp_path):
    done = call(*hou_arguments(hou.cohort, tmp_path / "out", "--store", hou.store, "--strict"))
    assert done.exit_code == 2
    assert "--strict is about patients whom a pre-training has seen" in done.err
    done = call(*hou_arguments(hou.cohort, tmp_path / "out", "--store", hou.store))
    assert done.exit_code == 0, done.text
    assert not (tmp_path / "out" / "benefit.json").exists()
    notes = json.loads((tmp_path / "out" / "scores.json").read_text())["notes"]
    assert any("semioscope pretrain" in note and "--pretrained" in note for note in notes)


def test_a_series_takes_no_pre_training(hou, tmp_path):
    done = call("run", "karacsony-2022-table2", "--cohort", hou.cohort, "--out", tmp_path / "out",
                "--pretrained", hou.pretraining)  # fmt: skip
    assert done.exit_code == 2
    assert "--pretrained must not be given with it" in done.err
