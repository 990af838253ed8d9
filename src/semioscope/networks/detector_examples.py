"""Pictures with boxes that a person (or a synthetic cohort) drew: what a detector is trained and measured on.

Files: COCO JSON, as annotation programs export it: ``images`` (``id file_name width height``, and ``patient_id`` if
it is known whose picture it is), ``annotations`` (``image_id category_id bbox``, the box as left, top, width and
height in pixels) and ``categories`` (``id name``).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from semioscope.core.errors import CohortError, StoreError
from semioscope.core.files import GIVEN, read_json, write_json
from semioscope.core.records import Region
from semioscope.networks.detections import clipped_detection

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledBox:
    """What is where in a picture.

    Args:
        label: Such as ``person`` or ``bed``.
        box: In fractions of the picture.
        clipped: Whether it reached out of the picture and was cut at its edge.
    """

    label: str
    box: Region
    clipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureBoxes:
    """The boxes of one picture of a file of boxes.

    Args:
        file_name: Of the picture, relative to wherever the pictures are.
        width: In pixels.
        height: In pixels.
        boxes: None are allowed: a picture without anything to find.
        patient_id: Whose picture it is, as the file says; None where it does not.
    """

    file_name: str
    width: int
    height: int
    boxes: tuple[LabelledBox, ...]
    patient_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectorExample:
    """A picture to train on.

    Args:
        picture: RGB, or the file that it is read from whenever it is needed: thousands of pictures fill no memory.
        boxes: What is in it.
    """

    picture: UInt8[np.ndarray, "height width 3"] | Path
    boxes: tuple[LabelledBox, ...]

    def pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        """Return the picture.

        Raises:
            CohortError: If its file cannot be read.
        """
        return read_picture(self.picture) if isinstance(self.picture, Path) else self.picture


def read_picture(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Return a picture file (PNG, JPEG and others) as RGB; grey becomes RGB, transparency is dropped.

    Raises:
        CohortError: If it is absent or damaged.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as err:
        raise CohortError(_unreadable(path, err)) from err


def picture_size(path: Path) -> tuple[int, int]:
    """Return width and height of a picture file in pixels; its pixels are not read.

    Raises:
        CohortError: If it is absent or no picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            width, height = image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as err:
        raise CohortError(_unreadable(path, err)) from err
    return width, height


def pixel_edges(boxes: Sequence[LabelledBox], *, width: int, height: int) -> Float64[np.ndarray, "num 4"]:
    """Return left, top, right and bottom of boxes, in pixels of a picture, not rounded."""
    edges = [
        (item.box.x, item.box.y, item.box.x + item.box.width, item.box.y + item.box.height) for item in boxes
    ]
    scale = np.array([width, height, width, height], dtype=np.float64)
    return np.array(edges, dtype=np.float64).reshape(-1, 4) * scale


def read_coco(path: Path) -> list[PictureBoxes]:
    """Return the pictures and boxes of a COCO JSON file, in its order. Crowd annotations are left out.

    Boxes are cut at the edges of their picture; ``clipped`` says which.

    Raises:
        CohortError: If the file is not COCO JSON, or boxes are not valid; the message names the annotations.
    """
    try:
        content = read_json(path, remedy=GIVEN)
    except StoreError as err:
        raise CohortError(str(err)) from err
    parts = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(part), list) for part in parts):
        msg = (
            f"{path} must be COCO JSON with the lists images, annotations and categories. Export it as COCO."
        )
        raise CohortError(msg)
    try:
        names = {item["id"]: str(item["name"]) for item in content["categories"]}
        images = {item["id"]: item for item in content["images"]}
        sizes = {key: (int(item["width"]), int(item["height"])) for key, item in images.items()}
        file_names = {key: str(item["file_name"]) for key, item in images.items()}
        patients = {key: item.get("patient_id") for key, item in images.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        msg = f"{path}: images need id, file_name, width and height, categories id and name; {err!r} is at fault."
        raise CohortError(msg) from err
    _check_images(path, [item["id"] for item in content["images"]], sizes, file_names)
    found: dict[Any, list[LabelledBox]] = {key: [] for key in images}
    problems = []
    for number, item in enumerate(content["annotations"], start=1):
        try:
            if not item.get("iscrowd"):
                size = sizes[item["image_id"]]
                found[item["image_id"]].append(_labelled_box(names[item["category_id"]], item["bbox"], size))
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            said = f"{err} is missing or unknown" if isinstance(err, KeyError) else str(err)
            problems.append(f"annotation {number}: {said}")
    if problems:
        more = f" and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        msg = f"{path}: {'; '.join(problems[:_MOST_NAMED])}{more}. Correct them and export again."
        raise CohortError(msg)
    return [
        PictureBoxes(
            file_name=file_names[key],
            width=sizes[key][0],
            height=sizes[key][1],
            boxes=tuple(found[key]),
            patient_id=None if patients[key] in (None, "") else str(patients[key]),
        )
        for key in images
    ]


def write_coco(path: Path, pictures: Iterable[PictureBoxes]) -> None:
    """Write pictures and boxes as COCO JSON; categories are numbered from 1 in the order of their names."""
    listed = list(pictures)
    names = sorted({item.label for picture in listed for item in picture.boxes})
    annotations: list[dict[str, object]] = []
    for number, picture in enumerate(listed, start=1):
        edges = pixel_edges(picture.boxes, width=picture.width, height=picture.height)
        for item, (left, top, right, bottom) in zip(picture.boxes, edges.tolist(), strict=True):
            width, height = right - left, bottom - top
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": names.index(item.label) + 1,
                    "bbox": [left, top, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                }
            )
    images = [
        {
            "id": number,
            "file_name": picture.file_name,
            "width": picture.width,
            "height": picture.height,
            **({} if picture.patient_id is None else {"patient_id": picture.patient_id}),
        }
        for number, picture in enumerate(listed, start=1)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    write_json(path, {"images": images, "annotations": annotations, "categories": categories})


def labels_of(examples: Iterable[DetectorExample | PictureBoxes]) -> tuple[str, ...]:
    """Return every label of pictures once, sorted."""
    return tuple(sorted({item.label for example in examples for item in example.boxes}))


def _labelled_box(label: str, bbox: Any, size: tuple[int, int]) -> LabelledBox:
    if not isinstance(bbox, Sequence) or len(bbox) != 4:
        msg = f"bbox must be left, top, width and height in pixels, got {bbox!r}"
        raise ValueError(msg)
    left, top, width, height = (float(number) for number in bbox)
    edges = (left / size[0], top / size[1], (left + width) / size[0], (top + height) / size[1])
    found = clipped_detection(label, 1.0, edges)
    if found is None:
        msg = f"bbox {bbox!r} lies outside of its picture ({size[0]} x {size[1]})"
        raise ValueError(msg)
    return LabelledBox(label=label, box=found.box, clipped=found.clipped)


def _check_images(
    path: Path, keys: Sequence[Any], sizes: dict[Any, tuple[int, int]], file_names: dict[Any, str]
) -> None:
    faults = [f"image id {key} is there {count} times" for key, count in Counter(keys).items() if count > 1]
    faults += [
        f"{name} is listed {count} times" for name, count in Counter(file_names.values()).items() if count > 1
    ]
    faults += [
        f"{file_names[key]} has no size ({size[0]} x {size[1]})"
        for key, size in sizes.items()
        if min(size) < 1
    ]
    if faults:
        more = f" and {len(faults) - _MOST_NAMED} more" if len(faults) > _MOST_NAMED else ""
        msg = (
            f"{path}: every picture must be listed once, with its size in pixels, but "
            f"{'; '.join(faults[:_MOST_NAMED])}{more}. Correct the file, or export it again."
        )
        raise CohortError(msg)


def _unreadable(path: Path, err: Exception) -> str:
    if isinstance(err, OSError) and err.strerror:
        return f"{path} must be a picture that can be read: {err.strerror}. Check the path."
    said = (str(err).strip() or type(err).__name__).splitlines()[0][:120]
    return f"{path} must be a picture that can be read, but it is damaged or none ({said}). Bring it again."
