"""Did pre-training help? Three runs on the same features and folds: pre-trained, from scratch, frozen.

Each run has a folder of its own below the common one, with its own report, and goes on by itself after an
interruption. A run that fails is told; the others go on.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semioscope.core.errors import ConfigError, LeakageError
from semioscope.core.files import write_json
from semioscope.core.progress import Progress, format_seconds
from semioscope.core.wording import counted
from semioscope.recipes import RECIPES, RunConfig, followed_protocol, read_config, updated
from semioscope.runs.benefit_answer import overlap_sentence
from semioscope.runs.benefit_content import benefit_content
from semioscope.runs.benefit_pretraining import (
    Overlap,
    PretrainingFacts,
    check_same_backbone,
    check_same_weights,
    overlap_of,
)
from semioscope.runs.beside import DONE, FAILED, attempt, refuse_none_done
from semioscope.runs.folder import RunFolder, working_in
from semioscope.runs.planning import RunPlan, plan_run
from semioscope.runs.transformer_plan import transformer_notes
from semioscope.synthetic import is_synthetic

BENEFIT_FILE = "benefit.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One of the runs.

    Args:
        name: Also its folder.
        title: In words.
        uses_pretraining: Whether the encoder begins as pre-training left it.
        frozen: Whether it stays so.
    """

    name: str
    title: str
    uses_pretraining: bool
    frozen: bool


VARIANTS: tuple[Variant, ...] = (
    Variant(name="pretrained", title="Pre-trained", uses_pretraining=True, frozen=False),
    Variant(name="scratch", title="From scratch", uses_pretraining=False, frozen=False),
    Variant(name="frozen", title="Frozen", uses_pretraining=True, frozen=True),
)
"""In the order in which they are done and shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitPlan:
    """Everything that is known before the runs begin.

    Args:
        pretraining: What is judged.
        plans: Of each variant, in the order of ``VARIANTS``; events, folds and features are the same.
        overlap: Tested patients whose contextual video was used in pre-training.
        strict: Whether any such patient was refused.
    """

    pretraining: PretrainingFacts
    plans: tuple[RunPlan, ...]
    overlap: Overlap
    strict: bool

    def describe(self) -> str:
        """Return the plan in a few lines."""
        lines = [
            f"{len(VARIANTS)} runs on the same folds: pre-trained; from scratch; frozen (pre-trained, and only the "
            "last layer trained).",
            self.pretraining.describe(),
        ]
        lines += self.plans[0].describe().splitlines()
        return "\n".join(dict.fromkeys(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitOutcome:
    """What the runs left behind.

    Args:
        folder: The common folder.
        content: Content of ``benefit.json``.
        num_failures: Failures of all runs, and runs that could not be done.
        seconds: Wall time of this call.
    """

    folder: Path
    content: Mapping[str, Any]
    num_failures: int
    seconds: float

    def describe(self) -> str:
        """Return the answer in a few lines."""
        answer = self.content["answer"]
        lines = [f"{answer['title']}.", answer["lead"], *answer["sentences"]]
        for one in self.content["variants"]:
            if one["status"] == FAILED:
                lines.append(f"{one['title']}: failed. {one['message']}")
            elif one["failures"]:
                failures = counted(one["failures"], "failure")
                lines.append(
                    f"{one['title']}: {failures}, listed in {self.folder / one['name'] / 'failures.tsv'}."
                )
        if self.content["synthetic"]:
            lines.append("Synthetic cohort: these scores mean nothing clinically.")
        lines.append(f"Done in {format_seconds(self.seconds)}.")
        return "\n".join(dict.fromkeys(lines))


def plan_benefit(
    config: RunConfig,
    cohort: Path,
    pretraining: PretrainingFacts,
    *,
    strict: bool = False,
    store: Path | None = None,
    folds_file: Path | None = None,
) -> BenefitPlan:
    """Return what the three runs will do, with everything checked that can be checked before work begins.

    Args:
        config: Settings of all three; what tells them apart is set here.
        cohort: The cohort.
        pretraining: From ``read_pretraining``.
        strict: Refuse tested patients whose contextual video was used in pre-training.
        store: Feature store; None means ``$SEMIOSCOPE_STORE`` or the cohort's own.
        folds_file: Folds to use again, instead of making them.

    Raises:
        ConfigError: If the classifier cannot be pre-trained, the checkpoint is of another architecture or of other
            features, or a setting tells the runs apart; and as for ``plan_run``.
        CohortError: As for ``plan_run``.
        LeakageError: With ``strict``, naming the patients.
        StoreError: If the checkpoint cannot be read.
        WeightsError: If the weights of the backbone are absent or damaged.
    """
    _check_config(config)
    check_same_backbone(pretraining, config)
    plans = [
        plan_run(variant_config(config, variant, pretraining), cohort, store=store, folds_file=folds_file)
        for variant in VARIANTS
    ]
    check_same_weights(pretraining, plans[0])
    overlap = overlap_of(pretraining, plans[0].folds)
    if strict and overlap.patients:
        raise LeakageError(_strict_message(overlap, pretraining))
    return BenefitPlan(
        pretraining=pretraining,
        plans=tuple(
            _with_note(plan, variant, overlap) for variant, plan in zip(VARIANTS, plans, strict=True)
        ),
        overlap=overlap,
        strict=strict,
    )


def _with_note(plan: RunPlan, variant: Variant, overlap: Overlap) -> RunPlan:
    """Return a plan whose notes say whom its pre-training has seen, or that it has none here."""
    if variant.uses_pretraining:
        note = overlap_sentence({"patients": overlap.patients, "num_tested": overlap.num_tested})
        return replace(plan, notes=(*plan.notes, note))
    note = "The Transformer begins with random weights; the runs beside this one begin with a pre-training."
    others = (one for one in plan.notes if one not in transformer_notes(plan.config))
    return replace(plan, notes=(*others, note))


def variant_config(config: RunConfig, variant: Variant, pretraining: PretrainingFacts) -> RunConfig:
    """Return the settings of one of the runs; the place of the checkpoint is whole, wherever the command is given."""
    checkpoint = str(pretraining.checkpoint.absolute()) if variant.uses_pretraining else None
    return updated(config, {"aggregator": {"pretrained": checkpoint, "frozen": variant.frozen}})


def perform_benefit(
    plan: BenefitPlan,
    out: Path,
    *,
    executor: str = "local",
    workers: int = 1,
    progress: Progress,
    report: Callable[[Path], object] | None = None,
) -> BenefitOutcome:
    """Do the three runs, hold them against each other, and write ``benefit.json``.

    The same call goes on where it was interrupted.

    Args:
        plan: From ``plan_benefit``.
        out: Folder; new, empty, or of the same runs.
        executor: Where units of work run.
        workers: How many run at once.
        progress: Where it is reported.
        report: Called with the folder of every run, and with the common one at the end.

    Raises:
        ConfigError: If the folder holds runs with other settings.
        WeightsError: If the weights of the backbone are absent or damaged.
        StoreError: If the disk is full, no run could be done, or another command is working in the folder.
    """
    began = time.monotonic()
    with working_in(out):
        _refuse_other(plan, out)
        rows: list[dict[str, Any]] = []
        for number, (variant, run) in enumerate(zip(VARIANTS, plan.plans, strict=True), start=1):
            progress.message(f"{number} of {len(VARIANTS)}: {variant.title}")
            rows.append(
                _performed(
                    variant, run, out, executor=executor, workers=workers, progress=progress, report=report
                )
            )
        refuse_none_done(rows, lead="None of the runs could be done.")
        content = benefit_content(
            out,
            about=_about(plan),
            classes=plan.plans[0].classes,
            variants=rows,
            overlap=plan.overlap,
            seed=plan.plans[0].config.seed,
        )
        write_json(out / BENEFIT_FILE, content)
        if report is not None:
            report(out)
    return BenefitOutcome(
        folder=out,
        content=content,
        num_failures=sum(row["failures"] for row in rows),
        seconds=time.monotonic() - began,
    )


def _check_config(config: RunConfig) -> None:
    if config.aggregator.name != "transformer":
        able = [name for name, make in RECIPES.items() if make().aggregator.name == "transformer"]
        msg = (
            "--pretrained is for recipes whose classifier is the Transformer, got aggregator.name "
            f"{config.aggregator.name} of {config.recipe}. Leave --pretrained out, or run one of {', '.join(able)}."
        )
        raise ConfigError(msg)
    given = [
        key for key in ("pretrained", "pretrained_sha256") if getattr(config.aggregator, key) is not None
    ]
    given += ["frozen"] if config.aggregator.frozen else []
    if given:
        msg = (
            f"aggregator.{given[0]} tells the runs of --pretrained apart, so it must not be set for all of them. "
            "Leave it out, or leave --pretrained out for one run by itself."
        )
        raise ConfigError(msg)
    if config.is_study:
        msg = "--pretrained does not go with a grid of settings. Leave the lists of grid empty."
        raise ConfigError(msg)


def _strict_message(overlap: Overlap, pretraining: PretrainingFacts) -> str:
    names = ",".join(overlap.patients)
    remedy = f"Pre-train without them (semioscope pretrain {pretraining.recipe} --without-patients {names} ...) and "
    remedy += "give that folder"
    if set(pretraining.patients) <= set(overlap.patients):
        remedy = "Pre-train on contextual video of other patients, as nobody would be left without these"
    return (
        f"With --strict no tested patient may have been seen in pre-training, but contextual video of "
        f"{len(overlap.patients)} of {counted(overlap.num_tested, 'tested patient')} was used in "
        f"{pretraining.folder}: {', '.join(overlap.patients)}. {remedy}, or leave --strict out to "
        "have them reported."
    )


def _refuse_other(plan: BenefitPlan, out: Path) -> None:
    """Refuse the folder of a single run, and one whose runs began with other settings, before any of them goes on."""
    if RunFolder(path=out).config.exists():
        msg = f"{out} holds a single run, so the runs with and without pre-training need another --out. Choose one."
        raise ConfigError(msg)
    for variant, run in zip(VARIANTS, plan.plans, strict=True):
        path = RunFolder(path=out / variant.name).config
        if path.exists() and read_config(path).without_places != run.config.without_places:
            msg = (
                f"{out} holds runs with other settings or of another state of the pre-training ({variant.name} "
                "differs). Choose another --out, or delete the folder to run anew."
            )
            raise ConfigError(msg)


def _performed(
    variant: Variant,
    run: RunPlan,
    out: Path,
    *,
    executor: str,
    workers: int,
    progress: Progress,
    report: Callable[[Path], object] | None,
) -> dict[str, Any]:
    """Do one run; return what ``benefit.json`` says of it."""
    about: dict[str, Any] = {"name": variant.name, "title": variant.title, "folder": variant.name}
    done = attempt(
        run,
        out / variant.name,
        title=variant.title,
        executor=executor,
        workers=workers,
        progress=progress,
        report=report,
    )
    if isinstance(done, str):
        return about | {"status": FAILED, "message": done, "failures": 1, "averages": {}}
    averages = {key: done.scores["averages"][key] for key in ("overall", "per_class", "largest")}
    return about | {"status": DONE, "message": "", "failures": done.num_failures, "averages": averages}


def _about(plan: BenefitPlan) -> dict[str, Any]:
    first = plan.plans[0]
    return {
        "recipe": first.config.recipe,
        "protocol": followed_protocol(first.config),
        "rule": first.folds.rule,
        "selection": first.folds.selection,
        "task": first.config.task.name,
        "synthetic": is_synthetic(first.cohort.folder),
        "strict": plan.strict,
        "pretraining": plan.pretraining.facts(),
    }
