"""Does the cost of predict grow with the video? 60 minutes against 2 minutes, the same model.

Each prediction runs in a process of its own, whose peak memory is read; the start of the process is not counted.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from material import write_video

from semioscope import backbones
from semioscope.models import AggregatorConfig, build, save
from semioscope.plans import ClipPlan, SegmentPlan
from semioscope.preprocess import PictureConfig
from semioscope.recipes import BackboneConfig
from semioscope.runs.bundle import BundleFacts, ViewShape, write_bundle

GOALS = {"time_ratio": ("<=", 1.3), "memory_ratio": ("<=", 1.1)}

CHILD = """
import json, sys, time
from pathlib import Path
from semioscope.runs import PredictionRequest, predict_event, read_bundle
from semioscope.runs.predict import bundle_backbone
bundle = read_bundle(Path(sys.argv[1]))
bundle_backbone(bundle)
request = PredictionRequest(event_id="video", videos=(Path(sys.argv[2]),))
began = time.perf_counter()
predict_event(request, bundle)
seconds = time.perf_counter() - began
status = Path("/proc/self/status").read_text()
memory = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"seconds": seconds, "memory": memory}))
"""


def measure(*, quick: bool = False) -> dict[str, float]:
    """Return median seconds and peak memory for both lengths, and their ratios."""
    minutes = {"short": 2.0, "long": 10.0 if quick else 60.0}
    backbone = "motion" if quick else "r2plus1d_34_8"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = _bundle(folder / "model.semio", backbone)
        for length, value in minutes.items():
            path = folder / f"{length}.mp4"
            write_video(path, seconds=60 * value, size=(320, 180), fps=15.0, codec="h264")
        figures: dict[str, list[dict[str, float]]] = {"short": [], "long": []}
        for _ in range(1 if quick else 5):
            for length, values in figures.items():
                command = [sys.executable, "-c", CHILD, str(bundle), str(folder / f"{length}.mp4")]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                values.append(json.loads(done.stdout))
    result = {
        f"{length}_{key}{'_mib' if key == 'memory' else ''}": statistics.median(item[key] for item in values)
        for length, values in figures.items()
        for key in ("seconds", "memory")
    }
    result["time_ratio"] = result["long_seconds"] / result["short_seconds"]
    result["memory_ratio"] = result["long_memory_mib"] / result["short_memory_mib"]
    return result


def _bundle(path: Path, name: str) -> Path:
    network = backbones.load(name, weights="random")
    config = AggregatorConfig(name="blstm")
    model = build(config, num_features=network.spec.num_features, num_classes=2, seed=0)
    save(path / "made.safetensors", model, config)
    facts = BundleFacts(
        name="benchmark", recipe="benchmark", protocol="patient", task="benchmark",
        classes=("negative", "positive"), positive_class="positive", preprocess=PictureConfig(),
        backbone=BackboneConfig(name=name, weights="random"),
        backbone_weights_hash=network.weights_hash,
        clips=ClipPlan(frames_per_clip=network.spec.frames_per_clip), segments=SegmentPlan(),
        aggregator=config, views={"main": ViewShape()}, epochs=1,
    )  # fmt: skip
    write_bundle(path, facts, aggregator_file=path / "made.safetensors")
    return path
