"""Tasks and the events that they select."""

import pytest

from semioscope.cohort import TASKS, Task, events_of, make_task, read_cohort, read_task
from semioscope.core.errors import ConfigError


@pytest.mark.parametrize("name", TASKS)
def test_every_preset_is_sound(name):
    task = TASKS[name]
    assert task.name == name
    assert read_task(name) is task
    for index, (class_name, labels) in enumerate(task.classes.items()):
        assert task.class_names[index] == class_name
        for label in labels:
            assert task.class_index(f" {label.upper()} ") == index
    assert make_task(task.model_dump()) == task
    assert task.class_index("something else") is None


def test_the_order_of_classes_is_as_in_the_paper():
    assert TASKS["fos-vs-tcs"].class_names == ("FOS", "TCS")
    assert TASKS["fle-vs-tle-vs-nonepileptic"].class_names == ("FLE", "TLE", "nonepileptic")


def test_unknown_tasks_name_the_nearest():
    with pytest.raises(
        ConfigError, match=r"Unknown task 'fos-tcs'. Did you mean fos-vs-tcs.*Or give a YAML file"
    ):
        read_task("fos-tcs")


def test_own_tasks_are_yaml(tmp_path):
    path = tmp_path / "left-vs-right.yaml"
    path.write_text("{table: seizures, column: side, classes: {left: [left, L, 1], right: [right, R]}}")
    task = read_task(path)
    assert task.name == "left-vs-right"
    assert [task.class_index(label) for label in ("l", "1", "R")] == [0, 0, 1]
    assert read_task(str(path)) == task


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2", "must be a YAML file that can be read"),
        ("5", "must hold name, table, column and classes, got 5"),
        ("{colum: side, classes: {a: [a], b: [b]}}", "Unknown key of a task 'colum'. Did you mean column"),
        ("{column: side}", "classes: Field required"),
        ("{column: side, classes: 3}", "classes: Input should be a valid dictionary"),
        (
            "{column: side, classes: {a: 5, b: {c: 1}}, table: seizure}",
            "table: Input should be 'patients', 'seiz",
        ),
        ("{column: side, classes: {a: [a]}}", "classes must name at least two classes, got a"),
        ("{column: side, classes: {a: [a], b: []}}", "class b must list at least one label"),
        (
            "{column: side, classes: {a: [x], b: [X]}}",
            "label 'X' must stand in one class, but stands in a and b",
        ),
        ("{column: side, classes: {a: [yes], b: [b]}}", "put the word in quotation marks"),
        (
            "{column: side, classes: {a: [a], b: [b]}, without_clonic_phase: [c]}",
            "Unknown class in without_clonic",
        ),
    ],
)
def test_what_is_wrong_with_a_task_is_said(tmp_path, content, message):
    path = tmp_path / "own.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        read_task(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        ConfigError, match=r"The task own.yaml must be a YAML file that can be read: No such file"
    ):
        read_task(tmp_path / "own.yaml")


def test_events_have_classes_and_reasons(folder):
    selection = events_of(read_cohort(folder), TASKS["fos-vs-tcs"], min_duration_seconds=15)
    assert [(event.event_id, event.patient_id, event.y_true) for event in selection.events] == [
        ("s1", "p1", 1), ("s2", "p2", 0), ("s3", "p3", 1),
    ]  # fmt: skip
    assert selection.left_out == (("s4", "shorter than 15 s"),)
    assert selection.reasons == {"shorter than 15 s": 1}
    assert selection.problems == ()


def test_each_reason_to_leave_out_is_counted(write):
    seizures = (
        "seizure_id\trecording_id\tonset\tclonic_onset\toffset\tuse\tseizure_type\n"
        "s1\tr1-large\t0\tn/a\t40\ttrain\tn/a\n"
        "s2\tr1-large\t0\tn/a\t40\ttrain\tmyoclonic\n"
        "s3\tr1-large\t0\tn/a\t40\ttrain\tmyoclonic\n"
        "s4\tr1-large\t0\tn/a\t40\tno\tFOS\n"
        "s5\tr1-large r1-small\t0\t20\t40\ttrain\tFOS\n"
        "s6\tr1-large\t0\t20\t40\ttrain\tTCS\n"
        "s6\tr1-small\t0\t20\t40\tno\tTCS\n"
    )
    selection = events_of(read_cohort(write(seizures=seizures)), TASKS["fos-vs-tcs"])
    assert selection.reasons == {
        "seizure_type 'myoclonic' is not in the task": 2, "seizure_type is missing": 1, "use is no in every view": 1,
    }  # fmt: skip
    assert [event.event_id for event in selection.events] == ["s5", "s6"]
    assert [view.recording_id for view in selection.events[1].views] == ["r1-large"]
    (warning,) = selection.warnings
    assert warning == (
        "seizures.tsv row 6 (seizure s5): seizure_type is 'FOS', but there is a clonic_onset. Correct seizure_type, "
        "or write n/a for clonic_onset."
    )


def test_a_seizure_is_as_long_as_the_mean_of_its_views(write):
    seizures = (
        "seizure_id\trecording_id\tonset\toffset\tseizure_type\n"
        "s1\tr1-large\t0\t10\tFOS\ns1\tr1-small\t0\t20\tFOS\n"
    )
    cohort = read_cohort(write(seizures=seizures))
    assert len(events_of(cohort, TASKS["fos-vs-tcs"], min_duration_seconds=15).events) == 1
    assert len(events_of(cohort, TASKS["fos-vs-tcs"], min_duration_seconds=15.001).events) == 0


def test_labels_come_from_patients_unless_the_seizure_has_its_own(write):
    seizures = (
        "seizure_id\trecording_id\tonset\toffset\tsyndrome\n"
        "s1\tr1-large\t0\t40\tn/a\ns2\tr2\t0\t40\tpre-ictal\ns3\tr3\t0\t40\tn/a\n"
    )
    cohort = read_cohort(write(seizures=seizures))
    three = events_of(cohort, TASKS["fle-vs-tle-vs-nonepileptic"])
    assert [event.y_true for event in three.events] == [0, 2, 1]
    two = events_of(cohort, TASKS["fle-vs-tle"])
    assert [event.event_id for event in two.events] == ["s1", "s3"]
    own = Task(name="own", table="patients", column="syndrome", classes={"FLE": ["FLE"], "TLE": ["TLE"]})
    assert [event.y_true for event in events_of(cohort, own).events] == [0, 1, 1]


def test_a_missing_column_is_named_with_those_there(folder):
    task = Task(name="sides", column="side", classes={"l": ["l"], "r": ["r"]})
    message = "Task sides needs the column side in seizures.tsv; label columns there: seizure_type. Add"
    with pytest.raises(ConfigError, match=message):
        events_of(read_cohort(folder), task)
