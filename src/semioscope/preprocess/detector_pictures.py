"""Annotated pictures and whose they are: what a detector of patients is trained and measured on.

Every picture needs its patient, or a detector that looks at him may have been trained on him. Where COCO JSON says it
(``patient_id`` of each image, as ``semioscope synth`` writes it) nothing is asked; otherwise it is told as in
``semioscope cohort import contextual``: by folder, by pattern, or by table.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from semioscope.cohort.whose_video import PATIENT_SOURCES, owners_of
from semioscope.core.cells import check_id
from semioscope.core.errors import CohortError, ConfigError, unknown_name
from semioscope.core.wording import counted
from semioscope.networks import DetectorExample, LabelledBox, PictureBoxes, read_coco
from semioscope.networks.detector_examples import picture_size

FROM_FILE = "file"
"""Way to tell whose a picture is: ``patient_id`` of the image in the COCO file."""
WAYS = (FROM_FILE, *PATIENT_SOURCES)
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedPicture:
    """An annotated picture and its patient.

    Args:
        path: The file.
        file_name: As the COCO file names it.
        patient_id: Who is seen.
        boxes: What is where; none if there is nothing to find.
    """

    path: Path
    file_name: str
    patient_id: str
    boxes: tuple[LabelledBox, ...]

    @property
    def example(self) -> DetectorExample:
        """The picture to train on; its file is read whenever it is needed."""
        return DetectorExample(picture=self.path, boxes=self.boxes)

    def box_of(self, label: str) -> LabelledBox | None:
        """Return the box of a label, of which there is one at most; None if there is none."""
        return next((item for item in self.boxes if item.label == label), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedPictures:
    """All pictures of a COCO file that can be used.

    Args:
        pictures: In the order of the file; one at least.
        labels: What is annotated, sorted; all of it is trained.
        label: What is scored: the patient.
        left_out: Pictures that cannot be used and why, one sentence each that begins with the name.
        notes: What else a person should know.
    """

    pictures: tuple[OwnedPicture, ...]
    labels: tuple[str, ...]
    label: str
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def patients(self) -> tuple[str, ...]:
        """Everybody who is seen, sorted."""
        return tuple(sorted({picture.patient_id for picture in self.pictures}))


def read_owned_pictures(
    boxes: Path,
    *,
    pictures: Path | None = None,
    patient_from: str | None = None,
    pattern: str | None = None,
    table: Path | None = None,
    label: str | None = None,
) -> OwnedPictures:
    """Return the pictures of a COCO file with their patients.

    A picture that is absent, damaged, of another size than the file says, or without a patient is left out and
    listed; the others are used.

    Args:
        boxes: COCO JSON.
        pictures: Folder that names of pictures are relative to; None is the folder of the COCO file. A name that is
            not below it is looked for beside the COCO file too.
        patient_from: One of ``WAYS``; None is ``file``.
        pattern: For ``regex``, as in ``cohort.whose_video.owners_of``; so the folder of ``folder`` is the first one
            below ``pictures``.
        table: For ``table``.
        label: Which boxes are scored; None is the only label of the file.

    Raises:
        CohortError: If the file is absent, damaged or has no box, a picture has two boxes of the label, or no picture
            can be used.
        ConfigError: If the label or the way is unknown, or an option is missing or has no meaning.
    """
    listed = read_coco(boxes)
    labels, label = _labels(boxes, listed, label)
    folder = boxes.parent if pictures is None else pictures
    if not folder.is_dir():
        msg = f"The pictures must be in a folder that exists, got {folder}. Check the path (--pictures)."
        raise ConfigError(msg)
    found, left_out = {}, []
    for item in listed:
        path, fault = _file_of(item, folder, boxes.parent)
        if path is None:
            left_out.append(fault)
        else:
            found[item.file_name] = path
    owners, faults, notes = _owners(
        boxes, [item for item in listed if item.file_name in found], found, folder,
        patient_from=patient_from, pattern=pattern, table=table,
    )  # fmt: skip
    left_out += faults
    kept = tuple(
        OwnedPicture(
            path=found[item.file_name],
            file_name=item.file_name,
            patient_id=owners[item.file_name],
            boxes=item.boxes,
        )
        for item in listed
        if item.file_name in owners
    )
    if not kept:
        msg = f"No picture of {boxes} can be used. {_some(left_out)}"
        raise CohortError(msg)
    cut = [picture.file_name for picture in kept if any(item.clipped for item in picture.boxes)]
    if cut:
        notes.append(
            f"{counted(len(cut), 'picture has', 'pictures have')} a box that reaches out of it and was cut at the "
            f"edge: {_named(cut)}."
        )
    return OwnedPictures(
        pictures=kept, labels=labels, label=label, left_out=tuple(left_out), notes=tuple(notes)
    )


def _labels(boxes: Path, listed: Sequence[PictureBoxes], label: str | None) -> tuple[tuple[str, ...], str]:
    """Return all labels, and the one that is scored."""
    number = Counter(item.label for picture in listed for item in picture.boxes)
    labels = tuple(sorted(number))
    if not labels:
        msg = (
            f"{boxes} must have boxes (annotations), but has none in {counted(len(listed), 'picture')}. Annotate "
            "them."
        )
        raise CohortError(msg)
    if label is None and len(labels) > 1:
        msg = (
            f"{boxes} has boxes of {', '.join(labels)}; which of them is the patient must be said. Add --label, such "
            f"as --label {number.most_common(1)[0][0]}."
        )
        raise ConfigError(msg)
    chosen = labels[0] if label is None else label
    if chosen not in labels:
        raise ConfigError(unknown_name("label (--label)", chosen, labels))
    several = [
        picture.file_name for picture in listed if sum(item.label == chosen for item in picture.boxes) > 1
    ]
    if several:
        msg = (
            f"{boxes}: a picture must have one box of {chosen} at most, the patient's, but {_named(several)} "
            f"{'has' if len(several) == 1 else 'have'} several. Give the others another category."
        )
        raise CohortError(msg)
    return labels, chosen


def _file_of(item: PictureBoxes, folder: Path, beside: Path) -> tuple[Path | None, str]:
    """Return the file of a picture, or None and why it cannot be used."""
    name = Path(item.file_name.replace("\\", "/"))
    path = next((place / name for place in (folder, beside) if (place / name).is_file()), None)
    if path is None:
        return (
            None,
            f"{item.file_name}: there is no such picture below {folder}. Bring it, or correct --pictures.",
        )
    try:
        size = picture_size(path)
    except CohortError as err:
        return None, f"{item.file_name}: {err}"
    if size != (item.width, item.height):
        return None, (
            f"{item.file_name}: must have {item.width} x {item.height} pixels, as its boxes do, but has {size[0]} x "
            f"{size[1]}. Bring the picture that was annotated."
        )
    return path, ""


def _owners(
    boxes: Path,
    listed: Sequence[PictureBoxes],
    found: dict[str, Path],
    folder: Path,
    *,
    patient_from: str | None,
    pattern: str | None,
    table: Path | None,
) -> tuple[dict[str, str], list[str], list[str]]:
    """Return patients by name of picture, sentences about pictures without one, and notes."""
    way = patient_from or FROM_FILE
    if way not in WAYS:
        raise ConfigError(unknown_name("source of patients (--patient-from)", way, WAYS))
    notes: list[str] = []
    if way == FROM_FILE:
        if pattern is not None or table is not None:
            msg = "--pattern and --table belong to --patient-from regex and table. Add it, or leave them out."
            raise ConfigError(msg)
        said = {item.file_name: item.patient_id for item in listed}
        if listed and not any(said.values()):
            msg = (
                f"{boxes} does not say whose the pictures are (patient_id of each image), and patients must be told "
                "apart, or a detector would be measured on those it was trained on. Say it with --patient-from "
                "folder, regex or table."
            )
            raise ConfigError(msg)
        faults = [
            f"{name}: has no patient_id in {boxes.name}. Fill it in." for name, one in said.items() if not one
        ]
        owners = {name: one for name, one in said.items() if one}
    else:
        by_path = {found[item.file_name]: item.file_name for item in listed}
        below = [path for path in by_path if path.is_relative_to(folder)]
        faults = [
            f"{by_path[path]}: lies outside of {folder}, so --patient-from {way} cannot tell whose it is. Give the "
            "folder of all pictures as --pictures."
            for path in by_path
            if not path.is_relative_to(folder)
        ]
        told = owners_of(below, folder, patient_from=way, pattern=pattern, table=table)
        faults += [f"{name}: {fault}" for name, fault in told.faults]
        notes += told.notes
        owners = {by_path[path]: whose.patient for path, whose in told.known.items()}
    for name, patient in list(owners.items()):
        try:
            check_id(patient)
        except ValueError as err:
            faults.append(f"{name}: its patient {err}. Correct it.")
            del owners[name]
    return owners, faults, notes


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _some(sentences: Sequence[str]) -> str:
    more = f" And {len(sentences) - _MOST_NAMED} more." if len(sentences) > _MOST_NAMED else ""
    return " ".join(sentences[:_MOST_NAMED]) + more
