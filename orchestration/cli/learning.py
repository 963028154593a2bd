"""Commands over models and detection: model evaluate, model train, detection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from orchestration.cli.output import print_json, print_table, say
from orchestration.cli.progress import telling

JSON = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    model = typer.Typer(help="The late-risk models.", no_args_is_help=True)
    model.command("evaluate")(evaluate)
    app.add_typer(model, name="model")
    app.command()(detection)


def evaluate(
    dataset: Annotated[Literal["scms", "c2k"], typer.Option(help="Whose columns the files have.")],
    train: Annotated[Path, typer.Option(help="Train on this file.", exists=True, dir_okay=False)],
    test: Annotated[
        Path, typer.Option(help="Report on this file, which holds later rows.", exists=True, dir_okay=False)
    ],
    as_json: JSON = False,
) -> None:
    """Train on one file and report on another, in the source's own columns, beside plain baselines."""
    from ml.evaluation import evaluate as judge

    with telling(f"train on {train.name}, judge on {test.name}"):
        report = judge(dataset, train, test)
    if as_json:
        print_json(report)
        return
    parts = [("all", report["overall"]), *report["checkpoints"].items()]
    names = ["roc_auc", "average_precision", "brier", "log_loss", "mcc", "ece"]
    promised = ["interval_coverage", "mae_hours", "schedule_mae_hours"]
    rows = [
        [
            place,
            *[figure(part[name]) for name in names],
            *[figure(part["arrival"][name]) for name in promised],
        ]
        for place, part in parts
    ]
    rows += [
        [f"baseline: {name}", *[figure(values[metric]) for metric in names]]
        for name, values in report["overall"]["baselines"].items()
    ]
    title = f"{dataset}: trained on {train.name}, judged on {test.name}"
    print_table(title, ["checkpoint", *names, *promised], rows, right=[*names, *promised])


def figure(value: object) -> str:
    """Return a metric with four places, or a dash where it is undefined."""
    return f"{value:.4f}" if isinstance(value, (int, float)) else "–"


def detection(as_json: JSON = False) -> None:
    """Compare what was detected and linked on the simulated network with what really happened."""
    from orchestration.detection import compare_identities, compare_with_truth
    from orchestration.resources import Platform
    from orchestration.settings import Settings

    platform = Platform(Settings.from_environment())
    report, links = compare_with_truth(platform), compare_identities(platform)
    if as_json:
        print_json({"exceptions": report, "identities": links})
        return
    columns = ["exception type", "detected", "true", "matched", "precision", "recall"]
    print_table(
        "Detected against the ground truth of the demo network", columns,
        [[r["exception_type"], r["detected"], r["true"], r["matched"], figure(r["precision"]), figure(r["recall"])]
         for r in report], right=columns[1:],
    )  # fmt: skip
    columns = ["record", "records", "linked", "right", "precision", "recall", "across customers"]
    print_table(
        "Linked against the ground truth of the demo network", columns,
        [[r["kind"], r["records"], r["linked"], r["right"], figure(r["precision"]), figure(r["recall"]),
          r["across_customers"]] for r in links], right=columns[1:],
    )  # fmt: skip
    say("Definitions of what is true are in data/simulate/truth.py; thresholds equal the catalogue's.")
