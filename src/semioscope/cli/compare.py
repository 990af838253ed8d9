"""``semioscope compare``: runs beside each other, and whether their differences could be chance."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from semioscope.cli.saying import say, say_next

WIDTH = 110


def command(
    runs: Annotated[
        list[str],
        typer.Argument(help="Run folders or STUDY/PROTOCOL@CELL, each maybe as NAME=PATH.", metavar="RUN..."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the page and the tables.", metavar="DIR")
    ] = None,
    metric: Annotated[
        str, typer.Option("--metric", help="The metric of the answer, such as auroc.", metavar="NAME")
    ] = "balanced_accuracy",
    allow_different_folds: Annotated[
        bool,
        typer.Option(
            "--allow-different-folds", help="Compare on the seizures that runs of different folds share."
        ),
    ] = False,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of intervals and drawn tests.", metavar="N")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Compare runs."""
    from semioscope.runs.compare import compare_runs, write_comparison_tables

    content = compare_runs(runs, allow_different_folds=allow_different_folds, metric=metric, seed=seed)
    if out is not None:
        from semioscope.report.compare import write_comparison

        write_comparison_tables(out, content)
        write_comparison(out)
    if as_json:
        import json

        from semioscope.core.files import canonical_json

        print(json.dumps(json.loads(canonical_json(content)), indent=1, ensure_ascii=False))
        return
    _show(content)
    if out is not None:
        print(f"Report: {out / 'report.html'}")
        say_next(f"open {out / 'report.html'} in a browser")
        return
    more = [] if metric == "balanced_accuracy" else ["--metric", metric]
    more += ["--seed", str(seed)] if seed else []
    more += ["--allow-different-folds"] if allow_different_folds else []
    say_next(f"semioscope compare {shlex.join([*runs, *more])} --out DIR (the same as a page with figures)")


def _show(content: Mapping[str, Any]) -> None:
    """Print the answer, the table of scores, the differences and what they rest on."""
    from semioscope.report import compare_words as words

    names = [run["name"] for run in content["runs"]]
    pairs, metrics = content["pairs"], content["metrics"]
    say(words.headline(content) + ".")
    say(words.what_was_compared(content))
    for sentence in words.cautions(content):
        say(f"Note: {sentence}")
    print()
    rows = [
        [
            words.metric_title(name),
            *(words.value_text(name, run["estimates"][name]) for run in content["runs"]),
        ]
        for name in metrics
    ]
    _print_table("Scores (95 % interval over patients)", ["", *names], rows)
    settings = [[row["key"], *map(words.setting_text, row["values"])] for row in content["settings"]]
    if settings:
        _print_table("Settings that differ", ["", *names], settings)
    else:
        print("No setting differs.\n")
    for pair in pairs:
        cells = [(name, pair["metrics"][name]) for name in metrics]
        rows = []
        for name, found in cells:
            shown = words.difference_cell(name, found["difference"])
            values = [found["test"]["p_value"], found["p_holm"], found["p_bonferroni"]]
            p_values = [words.p_number(value) for value in values]
            rows.append([words.metric_title(name), shown["value"], shown["interval"] or "none", *p_values])
        title = f"{pair['run']} minus {pair['against']}"
        header = ["", "difference", "95 % interval", "p", "p, Holm", "p, Bonferroni"]
        _print_table(title, header, rows)
        for note in dict.fromkeys(
            note
            for _, found in cells
            for note in (found["difference"]["note"], found["test"]["note"])
            if note
        ):
            say(f"  {note}")
        say(words.mcnemar_words(pair))
        print()
    say(f"{words.test_words(content)} {words.unit_words(metrics)}")
    print()
    for pair in pairs:
        say(words.pair_words(content, pair, content["metric"]).sentence)


def _print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; columns that do not fit beside each other follow below, each time with the first one."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    start = 1
    print(title)
    while start < len(header):
        end = start + 1
        while end < len(header) and sum(widths[start : end + 1]) + 2 * (end + 1 - start) + widths[0] <= WIDTH:
            end += 1
        for line in lines:
            cells = [line[0].ljust(widths[0]), *(line[i].ljust(widths[i]) for i in range(start, end))]
            print(("  " + "  ".join(cells)).rstrip())
        start = end
        print()
