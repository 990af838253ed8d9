"""The catalogue of detectors: one dictionary. Reading it loads no network library.

Weights: torchvision COCO_V1 (BSD-3-Clause; COCO annotations are CC BY 4.0). Label 1 of the 91 is a person, 65 a
bed. Nothing else is downloaded: the published file holds the whole network.

References:
    Karácsony et al. (2020, section 3.3.1; 2022) find bed and person with Mask R-CNN trained on COCO, in Keras
    (W. Abdulla, 2017). Differs: torchvision's network and weights. Masks are not used, and not computed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from semioscope.core.errors import ConfigError, WeightsError, unknown_name
from semioscope.core.progress import Progress
from semioscope.core.wording import counted
from semioscope.networks.backbones import Translate
from semioscope.networks.detections import Detection, Detector, clipped_detection
from semioscope.networks.detector_folder import NO_FILE
from semioscope.networks.detector_networks import (
    build_fasterrcnn_mobilenet,
    build_maskrcnn,
    build_ssd300_vgg16,
    empty_network,
    fill_network,
    fill_random,
    translate_published,
)
from semioscope.networks.spec import WeightsSource

if TYPE_CHECKING:
    from torch import nn

_BASE = "https://download.pytorch.org/models/"
_NUM_COCO = 91
COCO_LABELS: Mapping[int, str] = {1: "person", 65: "bed"}
"""The labels of COCO that are used here; its other things are not reported."""
_MASKRCNN = "He et al. (2017), Mask R-CNN, ICCV"
_SSD = "Liu et al. (2016), SSD: single shot multibox detector, ECCV"
_FASTERRCNN = "Ren et al. (2015), Faster R-CNN, NeurIPS; Howard et al. (2019), MobileNetV3, ICCV"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSpec:
    """What a detector is. Plain data; listing specs loads no network.

    Args:
        name: Key in ``DETECTORS``.
        labels: What it finds, by number; empty where its file says it.
        num_parameters: Trainable numbers; 0 where its file decides.
        weights: Where the published weights come from; None when there are none.
        paper: What to cite; empty where the user knows.
        preprocessing: What happens to a picture, in words.
    """

    name: str
    labels: Mapping[int, str] = field(default_factory=dict)
    num_parameters: int = 0
    weights: WeightsSource | None = None
    paper: str = ""
    preprocessing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    weights: str | Path
    seed: int
    progress: Progress | None


@runtime_checkable
class _Loader(Protocol):
    def __call__(self, entry: "DetectorEntry", options: _Options, /) -> Detector: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorEntry:
    """A detector of the catalogue.

    Args:
        spec: What it is.
        load: Makes it ready to run.
        build: Makes its network without weights, in evaluation mode; None where a file decides.
        translate: Reads the published forms of its weights.
        needed_file: What file it needs, in words; empty where weights are published.
        reads_records: Whether that file holds what was seen, so that it is read in no time.
    """

    spec: DetectorSpec
    load: _Loader
    build: "Callable[[], nn.Module] | None" = None
    translate: Translate | None = None
    needed_file: str = ""
    reads_records: bool = False


class NetworkDetector:
    """A detector that is a network of torchvision, on a usable graphics card or on the CPU, in single precision.

    Args:
        module: In evaluation mode, on the CPU; taken over.
        labels: What to report, by number.
        weights_hash: Names the weights.
        notes: Sentences that a user should read.
    """

    engine = "torch"

    def __init__(
        self,
        module: "nn.Module",
        *,
        labels: Mapping[int, str],
        weights_hash: str,
        notes: tuple[str, ...] = (),
    ) -> None:
        from semioscope.networks.accelerator import find_accelerator

        self.labels, self.weights_hash, self.notes = dict(labels), weights_hash, notes
        self.device = "cuda" if find_accelerator().usable else "cpu"
        self._module = module.eval().requires_grad_(False).to(self.device)

    def detect(self, picture: UInt8[np.ndarray, "height width 3"]) -> Sequence[Detection]:
        """Return what is seen in an RGB picture, best first; labels that are not reported are left out."""
        import torch

        height, width = picture.shape[:2]
        values = np.ascontiguousarray(picture.transpose(2, 0, 1)).astype(np.float32) / np.float32(255)
        exact = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        )
        with exact, torch.inference_mode():
            answer = self._module([torch.from_numpy(values).to(self.device)])[0]
        edges = answer["boxes"].double().cpu().numpy() / np.array([width, height, width, height])
        found = []
        for number, score, (left, top, right, bottom) in zip(
            answer["labels"].tolist(), answer["scores"].tolist(), edges.tolist(), strict=True
        ):
            if number in self.labels and left < right and top < bottom:
                item = clipped_detection(
                    self.labels[number], min(max(score, 0.0), 1.0), (left, top, right, bottom)
                )
                found += [] if item is None else [item]
        return sorted(found, key=lambda item: -item.score)


def load_detector(
    name: str,
    *,
    weights: str | Path = "pretrained",
    engine: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Detector:
    """Return a detector that is ready to run.

    Args:
        name: A key of ``DETECTORS``.
        weights: ``pretrained`` (fetched on first use), ``random`` (seeded; for tests, never for results), or the
            path of a file: weights (``maskrcnn``, ``fasterrcnn_mobilenet``, ``ssd300_vgg16``), a trained detector
            with its JSON, or the folder that ``semioscope detector train`` wrote, of which every patient gets the
            detector that was trained without him (``own``), recorded detections (``recorded``).
        engine: ``auto`` or ``torch``: detectors run in PyTorch, on a usable graphics card or on the CPU.
        seed: Of random weights.
        progress: Where a download reports to.

    Raises:
        ConfigError: If a name is not valid, or a file is needed and not given.
        WeightsError: If weights are absent, damaged or of another network.
        CohortError: If recorded detections are not valid.
        StoreError: If the weights folder cannot be written, or a folder of detectors is not valid.
    """
    if name not in DETECTORS:
        raise ConfigError(unknown_name("detector", name, DETECTORS))
    if engine not in ("auto", "torch"):
        msg = f"Detectors run on the engine torch (or auto), got {engine!r}. Leave the engine out."
        raise ConfigError(msg)
    entry = DETECTORS[name]
    return entry.load(entry, _Options(weights=weights, seed=seed, progress=progress))


def _load_published(entry: DetectorEntry, options: _Options) -> Detector:
    from semioscope.networks.checkpoints import expected_shapes, is_checkpoint, read_state, tensors_digest
    from semioscope.networks.weights import load_weights

    spec, build = entry.spec, entry.build
    if build is None:
        msg = f"{spec.name} has no network."
        raise TypeError(msg)
    notes: tuple[str, ...] = ()
    if options.weights == "pretrained":  # before the network is made: what is missing is said at once
        state, weights_hash = load_weights(spec.name, progress=options.progress)
        module = empty_network(build)
        fill_network(module, state)
    elif options.weights == "random":
        module = empty_network(build)
        weights_hash = fill_random(module, name=spec.name, seed=options.seed)
        notes = (f"{spec.name} has random weights (seed {options.seed}): its boxes mean nothing.",)
    else:
        path = Path(options.weights).expanduser()
        if not is_checkpoint(path):
            msg = (
                f"weights of {spec.name} must be 'pretrained', 'random' or a file that exists, got "
                f"{str(options.weights)!r}. Check the path."
            )
            raise ConfigError(msg)
        module = empty_network(build)
        state = read_state(path, expected_shapes(module), network=spec.name, translate=entry.translate)
        fill_network(module, state)
        weights_hash = tensors_digest(state)
    heads = getattr(module, "roi_heads", None)
    if heads is not None:
        heads.mask_roi_pool = None  # boxes do not depend on masks, and these take time
    return NetworkDetector(module, labels=spec.labels, weights_hash=weights_hash, notes=notes)


def _load_own(entry: DetectorEntry, options: _Options) -> Detector:
    from semioscope.networks.detector_files import DetectorDesign

    if options.weights == "random":
        design = DetectorDesign()
        module = empty_network(design.build)
        weights_hash = fill_random(module, name=entry.spec.name, seed=options.seed)
        notes = (f"own has random weights (seed {options.seed}): its boxes mean nothing.",)
        return NetworkDetector(
            module, labels=dict(enumerate(design.labels, start=1)), weights_hash=weights_hash, notes=notes
        )
    path = _file(entry, options.weights)
    if path.is_dir():
        from semioscope.networks.detector_folder import read_detector_folder

        return read_detector_folder(path)
    return load_own_detector(path)


def load_own_detector(path: Path, *, weights_hash: str | None = None) -> NetworkDetector:
    """Return the detector of a file that ``write_detector`` wrote.

    Args:
        path: The tensors; the JSON lies beside them.
        weights_hash: What the hash of its numbers must be; None lets any pass.

    Raises:
        WeightsError: If the file is absent, damaged or another one.
    """
    from semioscope.networks.detector_files import read_detector

    file = read_detector(path)
    if weights_hash is not None and file.weights_hash != weights_hash:
        msg = (
            f"{path} must be the detector that its folder lists, but holds other numbers, and whom it was trained "
            "without is not known. Bring the whole folder again."
        )
        raise WeightsError(msg)
    module = empty_network(file.design.build)
    fill_network(module, file.state)
    notes: tuple[str, ...] = ()
    if weights_hash is None and file.training.get("trained_on"):
        known = len(file.training["trained_on"])
        rest = (
            " It is the only one of its training (rule paper)."
            if file.training.get("rule") == "paper"
            else " Give its folder in place of the file: then nobody is looked at by a detector that saw them."
        )
        notes = (
            f"{path.name} was trained on {counted(known, 'patient')}: what it finds on them is better than on "
            f"others.{rest}",
        )
    return NetworkDetector(
        module,
        labels=dict(enumerate(file.design.labels, start=1)),
        weights_hash=file.weights_hash,
        notes=notes,
    )


def _load_recorded(entry: DetectorEntry, options: _Options) -> Detector:
    from semioscope.networks.detector_recorded import read_recorded

    return read_recorded(_file(entry, options.weights))


def check_detector_weights(name: str, weights: str | Path) -> None:
    """Refuse weights of a detector that cannot be had, without reading them.

    Args:
        name: Key in ``DETECTORS``.
        weights: ``pretrained``, ``random``, a file, or a folder of detectors.

    Raises:
        ConfigError: If the detector needs a file and none is named, or the one that is does not exist.
    """
    entry = DETECTORS[name]
    if weights == "pretrained" and entry.needed_file:
        _file(entry, weights)
    if weights not in NO_FILE and not Path(weights).expanduser().exists():
        msg = f"The weights of the detector {name} must exist, but {weights} does not. Check the path."
        raise ConfigError(msg)


def _file(entry: DetectorEntry, weights: str | Path) -> Path:
    if weights in NO_FILE:
        msg = (
            f"The detector {entry.spec.name} needs a file ({entry.needed_file}), but has the weights "
            f"{str(weights)!r}. Give its path: --weights FILE to semioscope crop plan, --set crops.weights=FILE to "
            "semioscope run."
        )
        raise ConfigError(msg)
    return Path(weights).expanduser()


def _published(
    name: str, file_name: str, *, num_parameters: int, paper: str, preprocessing: str
) -> DetectorSpec:
    return DetectorSpec(
        name=name,
        labels=COCO_LABELS,
        num_parameters=num_parameters,
        weights=WeightsSource(
            name=name,
            url=_BASE + file_name,
            file_name=file_name,
            sha256_prefix=file_name.rsplit("-", 1)[1].removesuffix(".pth"),
            licence="BSD-3-Clause (torchvision); annotations of COCO: CC BY 4.0",
            origin="COCO train2017, torchvision COCO_V1",
            paper=paper,
        ),
        paper=paper,
        preprocessing=preprocessing,
    )


_NORMALISED = "values to [0, 1], then mean and standard deviation of ImageNet"
DETECTORS: dict[str, DetectorEntry] = {
    "maskrcnn": DetectorEntry(
        spec=_published(
            "maskrcnn",
            "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
            num_parameters=44_401_393,
            paper=_MASKRCNN,
            preprocessing=f"one RGB picture, shorter side to 800 and longer to at most 1333 pixels, {_NORMALISED}",
        ),
        load=_load_published,
        build=partial(build_maskrcnn, _NUM_COCO),
        translate=translate_published,
    ),
    "fasterrcnn_mobilenet": DetectorEntry(
        spec=_published(
            "fasterrcnn_mobilenet",
            "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth",
            num_parameters=19_386_354,
            paper=_FASTERRCNN,
            preprocessing=f"one RGB picture, shorter side to 320 and longer to at most 640 pixels, {_NORMALISED}",
        ),
        load=_load_published,
        build=partial(build_fasterrcnn_mobilenet, _NUM_COCO, frozen=True),
        translate=translate_published,
    ),
    "ssd300_vgg16": DetectorEntry(
        spec=_published(
            "ssd300_vgg16",
            "ssd300_vgg16_coco-b556d3b4.pth",
            num_parameters=35_641_826,
            paper=_SSD,
            preprocessing="one RGB picture, stretched to 300 x 300 pixels, values of 0 to 255 less their mean",
        ),
        load=_load_published,
        build=partial(build_ssd300_vgg16, _NUM_COCO),
        translate=translate_published,
    ),
    "own": DetectorEntry(
        spec=DetectorSpec(name="own"),
        load=_load_own,
        needed_file="NAME.safetensors of a trained detector, or a folder of them",
    ),
    "recorded": DetectorEntry(
        spec=DetectorSpec(name="recorded"),
        load=_load_recorded,
        needed_file="a JSON file of detections by event and recording",
        reads_records=True,
    ),
}
