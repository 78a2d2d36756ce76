"""``ner-mx baseline``."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import AsJson, ConfigPath, Experiment, OverwriteResult, Settings, print_evaluation, resolved
from ner_mx.config import parse_settings
from ner_mx.registry import register

SystemName = Annotated[str, typer.Argument(help="A registered system, such as majority.")]
Folder = Annotated[Optional[Path], typer.Option(
    help="Write the fitted system into this folder, for ner-mx compare.")]
Save = Annotated[Optional[Path], typer.Option(
    help="Write a record into this folder, for reports: NAME.json, of run.name, or CORPUS-SYSTEM.json.")]
SystemSettings = Annotated[Optional[List[str]], typer.Option(
    "--with", metavar="KEY=VALUE", help="A setting of the system; may be repeated.")]


@register.command("baseline")
def baseline(system: SystemName, config: ConfigPath = None, experiment: Experiment = None,
             settings: Settings = None, system_settings: SystemSettings = None, folder: Folder = None,
             save: Save = None, overwrite: OverwriteResult = False, as_json: AsJson = False) -> None:
    """Fit another system on a corpus and score it by the same evaluator."""
    from ner_mx.experiments.records import check_record_place, write_record
    from ner_mx.experiments.system_scoring import score_system

    chosen = resolved(config, experiment, settings)
    if "run.name" not in parse_settings(settings or ()):
        chosen = chosen.updated({"run.name": f"{chosen.run.name}-{system}"})
    if save:
        check_record_place(chosen.run.name, save, overwrite)
    record, evaluations = score_system(system, chosen, parse_settings(system_settings or ()), folder, overwrite)
    for split, evaluation in evaluations.items():
        print_evaluation(evaluation, as_json, split)
    if save:
        write_record(record, save)
