"""The full configuration of a run: every section is defined where it is used and put together here."""

from typing import Annotated, Literal

from pydantic import Field

from semioscope.cohort import Task
from semioscope.core.config import Config
from semioscope.models import AggregatorConfig
from semioscope.plans import ClipPlan, ExcerptStepPlan, SegmentPlan, SlicePlan, StepPlan
from semioscope.plans.parts import PART_SECONDS
from semioscope.preprocess import NO_CROPS, PictureConfig
from semioscope.preprocess.frame_pictures import FramePictureConfig
from semioscope.preprocess.gray_pictures import GrayPictureConfig
from semioscope.preprocess.track_finding import TrackConfig
from semioscope.splits import FoldConfig, SelectionConfig
from semioscope.training import ExamplePlan, SearchConfig, TrainingConfig


class BackboneConfig(Config):
    """The frozen network that turns clips into features."""

    name: str = "r2plus1d_34_8"
    """An entry of semioscope.backbones.BACKBONES."""
    weights: str = "pretrained"
    """pretrained, random (seeded; for trials only) or a file."""
    engine: Literal["auto", "torch", "openvino"] = "auto"
    """auto is torch on a usable GPU and OpenVINO elsewhere."""
    precision: Literal["f32", "bf16"] = "f32"
    """bf16 is faster where the machine has it, and less exact (semioscope bench engines)."""
    input_size: int | None = Field(default=None, ge=32, le=1024)
    """Side of the pictures in pixels, for trials on small machines; null = the network's own."""


class ClipsConfig(Config):
    """Which clips exist."""

    fps: float = Field(default=15.0, gt=0, le=1000, allow_inf_nan=False)
    """Frame rate of the time grid, frames per second."""
    frames_per_clip: int | None = Field(default=None, ge=1, le=100_000)
    """Frames that the backbone sees at once; null = the backbone's own length."""
    stride: int = Field(default=4, ge=1, le=1_000_000)
    """Frames between the starts of neighbouring clips (paper: 1)."""
    anchor: Literal["recording", "event"] = "recording"
    """Where the time grid begins."""

    def plan(self, *, backbone_frames: int) -> ClipPlan:
        """Return the clip plan for a backbone of that clip length."""
        return ClipPlan(
            fps=self.fps,
            frames_per_clip=self.frames_per_clip or backbone_frames,
            stride=self.stride,
            anchor=self.anchor,
        )


class EventsConfig(Config):
    """Which events take part."""

    min_duration_seconds: float = Field(default=15.0, ge=0)
    """Shorter events are left out, and counted (paper: 15 s)."""
    part_seconds: float = Field(default=PART_SECONDS, gt=0, allow_inf_nan=False)
    """How far the parts before and after a seizure reach, for tasks that have a class of them."""


class CropsConfig(Config):
    """Which part of the picture an event is seen in. What stands in crops.tsv is used, the rest is planned."""

    method: str = NO_CROPS
    """none, an entry of semioscope.preprocess.CROP_METHODS, such as box or depth_box, or track: the box follows the
    patient along the event."""
    detector: str = "maskrcnn"
    """Finds bed and person, where the method needs it; for track the patient."""
    weights: str = "pretrained"
    """Of the detector: pretrained, random (for trials only), a file, or a folder of semioscope detector train."""
    weights_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Hash of that file, or of detectors.json in that folder; found when a run is planned, empty without a file."""
    check: bool = True
    """Flag depth crops that seem to cut the patient."""
    track: TrackConfig = TrackConfig()
    """How the patient is looked for along an event, where the method is track."""
    boxes: Literal["interpolated", "median"] = "interpolated"
    """The box at a time, where the method is track: between two looks, or the median of the event."""


class ExamplesConfig(Config):
    """What is trained on and scored."""

    level: Literal["event", "clip", "slice", "excerpt"] = "event"
    """event: a whole seizure is one example. clip: every clip is one, labelled by its own time. slice: every stretch
    of stored frames is one, of the class of its event. excerpt: a whole seizure is one, and all of its frames are
    seen, so many at a time."""
    segment_frames: int = Field(default=32, ge=1, le=100_000)
    """Clips as examples: one, in the middle of every complete stretch of so many frames."""
    window_stride: int = Field(default=32, ge=1, le=100_000)
    """Clips as examples: frames between the clips that are scored (paper: 1; 32 needs no further clips)."""
    excerpt_frames: int = Field(default=256, ge=1, le=100_000)
    """Excerpts: frames of a full one, at most as many as the Transformer has positions."""


class GridConfig(Config):
    """Which settings are tried beside each other. An empty list means the run's own value; any makes it a study."""

    aggregators: tuple[str, ...] = ()
    """In place of aggregator.name."""
    num_segments: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = ()
    """In place of segments.num_segments."""
    gammas: tuple[Annotated[float, Field(ge=1)], ...] = ()
    """In place of segments.gamma."""
    backbones: tuple[str, ...] = ()
    """In place of backbone.name."""
    protocols: tuple[str, ...] = ()
    """Every setting is run under each of these; their folds and selection replace those of the run."""
    clip_baseline: bool = False
    """Also train a classifier of clips; the mean of its probabilities is a yardstick for the seizure scores."""
    clip_training: TrainingConfig = TrainingConfig(epochs=400, batch_size=1024, learning_rate=1e-3)
    """How that classifier of clips is trained."""


class ReportConfig(Config):
    """What the report shows."""

    thumbnails: Literal["off", "blurred", "shown"] = "blurred"
    """Pictures of the clips that mattered. Faces are patients: blurred unless asked for."""
    num_examples: int = Field(default=2, ge=0)
    """How many of the best and of the worst events get a timeline; every wrong one does."""


class RunConfig(Config):
    """Every setting of a run. Written to config.yaml; that file can be run again."""

    recipe: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The recipe that this configuration began as; also the name of the bundle."""
    protocol: str = "patient"
    """The protocol that set folds and selection."""
    seed: int = Field(default=0, ge=0)
    """Every random number of the run follows from it."""
    task: Task
    """Which labels are which classes."""
    preprocess: PictureConfig = PictureConfig()
    pictures: Literal["colour", "gray", "frame"] = "colour"
    """colour: pictures are made as preprocess says. gray: as the section gray says, of infrared cameras. frame: as
    the section frame says, of single frames."""
    gray: GrayPictureConfig = GrayPictureConfig()
    frame: FramePictureConfig = FramePictureConfig()
    crops: CropsConfig = CropsConfig()
    backbone: BackboneConfig = BackboneConfig()
    clips: ClipsConfig = ClipsConfig()
    slices: SlicePlan = SlicePlan()
    """Which slices exist, where they are the examples; in place of clips and segments."""
    events: EventsConfig = EventsConfig()
    segments: SegmentPlan = SegmentPlan()
    aggregator: AggregatorConfig = AggregatorConfig()
    training: TrainingConfig = TrainingConfig()
    search: SearchConfig = SearchConfig()
    folds: FoldConfig = FoldConfig()
    selection: SelectionConfig = SelectionConfig()
    baselines: tuple[str, ...] = ("majority", "duration", "motion_energy", "band_power")
    """Yardsticks of the report's first table (semioscope.evaluation.BASELINES)."""
    examples: ExamplesConfig = ExamplesConfig()
    grid: GridConfig = GridConfig()
    report: ReportConfig = ReportConfig()
    keep_fold_models: bool = True
    """Keep the weights of every fold beside the final model; those of the full Transformer take 312 MB each."""

    @property
    def picture(self) -> PictureConfig | GrayPictureConfig | FramePictureConfig:
        """What is done to the pictures."""
        if self.pictures == "frame":
            return self.frame
        return self.gray if self.pictures == "gray" else self.preprocess

    @property
    def has_slices(self) -> bool:
        """Whether slices are the examples."""
        return self.examples.level == "slice"

    @property
    def has_excerpts(self) -> bool:
        """Whether seizures are seen as their excerpts."""
        return self.examples.level == "excerpt"

    @property
    def without_places(self) -> "RunConfig":
        """The same without paths of files whose hash is there too: a run goes on where these were moved."""
        crops = self.crops.model_copy(update={"weights": ""}) if self.crops.weights_sha256 else self.crops
        return self.model_copy(update={"aggregator": self.aggregator.without_place, "crops": crops})

    def example_plan(self, *, num_steps: int) -> ExamplePlan:
        """Return how examples are seen.

        Args:
            num_steps: Steps of a whole slice.
        """
        if self.has_excerpts:
            return ExcerptStepPlan(num_positions=self.examples.excerpt_frames)
        return StepPlan(num_steps=num_steps) if self.has_slices else self.segments

    @property
    def is_study(self) -> bool:
        """Whether several settings are run over the same events, instead of one."""
        grid = self.grid
        lists = (grid.aggregators, grid.num_segments, grid.gammas, grid.backbones, grid.protocols)
        return any(lists) or self.examples.level == "clip"
