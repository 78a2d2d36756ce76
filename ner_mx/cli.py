"""The command line: each verb reads its arguments and calls one function."""

from __future__ import annotations

import atexit
import errno
import json
import logging
import os
import signal
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Callable, Iterator, List, NoReturn, Optional, Sequence

try:
    import typer
    from typing_extensions import Annotated
except ModuleNotFoundError as error:
    print(f"error: this Python ({sys.executable}) has no {error.name}; README.md says how to install, and "
          ". .venv/bin/activate takes the Python of make demo", file=sys.stderr)
    raise SystemExit(2) from None

from ner_mx import __version__
from ner_mx.config import Config, load_config
from ner_mx.errors import ConfigError, UserError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
                  help="Named-entity recognition with a bidirectional LSTM-CNN on MXNet Gluon.")

lexicon = typer.Typer(help="Lists of known names.")
app.add_typer(lexicon, name="lexicon")

API_KEY = "NER_MX_API_KEY"

# What the system says where a file cannot be written to its end.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# The arguments of the verbs.
ConfigPath = Annotated[Optional[Path], typer.Option(
    "--config", help="The configuration; config.yaml of this folder if not given.")]
Experiment = Annotated[Optional[str], typer.Option(
    "--experiment", help="A named experiment, or a YAML file, laid over the configuration.")]
Settings = Annotated[Optional[List[str]], typer.Option(
    "--set", metavar="KEY=VALUE", help="One setting, such as run.seed=2; may be repeated.")]
Resume = Annotated[Optional[Path], typer.Option(help="The folder of a run to go on with.")]
Overwrite = Annotated[bool, typer.Option(help="Replace a run of this name.")]
RunFolder = Annotated[Path, typer.Argument(help="The folder of a run.")]
CorpusFile = Annotated[Optional[Path], typer.Argument(
    help="A corpus in the format of the run's; its test set if not given.")]
Predictions = Annotated[Path, typer.Argument(help="Columns; the last two are gold and predicted tag.")]
Text = Annotated[Optional[str], typer.Argument(
    help="Raw text; each line of stdin is a text if not given.")]
Model = Annotated[Path, typer.Argument(help="A bundle, or the folder of a run.")]
TextFile = Annotated[Optional[Path], typer.Option(help="UTF-8; each line is a text.")]
OutputForm = Annotated[str, typer.Option("--format", help="jsonl, conll or highlighted.")]
BundleFolder = Annotated[Path, typer.Argument(help="The folder of the bundle to write.")]
OverwriteBundle = Annotated[bool, typer.Option("--overwrite", help="Replace a bundle that is there.")]
Bundle = Annotated[Path, typer.Argument(help="A bundle that ner-mx export wrote.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
ApiKey = Annotated[Optional[str], typer.Option(
    envvar=API_KEY, help="What clients must send as X-API-Key; asked of nobody if not given.")]
Threads = Annotated[Optional[int], typer.Option(min=1, help="Of a batch; all cores if not given.")]
Source = Annotated[Path, typer.Argument(help="A file or a folder.")]
Target = Annotated[Path, typer.Argument(help="The file or folder to write.")]
SourceForm = Annotated[Optional[str], typer.Option(
    "--form", help="text (a text a line), jsonl, conll or parquet; by the suffix if not given.")]
Processes = Annotated[int, typer.Option(min=1, help="That tag; a single one takes all cores.")]
OverwriteResult = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Precision = Annotated[str, typer.Option(help="float32, float16 (half the size) or int8 (a quarter).")]
Engine = Annotated[str, typer.Option(help="local or ray.")]
Method = Annotated[str, typer.Option(help="skip-gram, cbow or fasttext.")]
Reader = Annotated[Optional[str], typer.Option(
    "--from", help="conll, gmb, un, doccano, npy, brat or spacy; by the suffix if not given.")]
Writer = Annotated[Optional[str], typer.Option(
    "--to", help="conll, gmb, doccano, npy, brat or spacy; by the suffix if not given.")]
Device = Annotated[Optional[str], typer.Option(help="Another device than the run's: cpu, gpu(0).")]
Runs = Annotated[List[Path], typer.Argument(help="Run folders, or records of runs.")]
Save = Annotated[Optional[Path], typer.Option(help="Keep each run in small form in this folder.")]
TypesDump = Annotated[Path, typer.Argument(help="DBpedia's dump of instance types (.nt, .ttl, .bz2).")]
LabelsDump = Annotated[Path, typer.Argument(help="DBpedia's dump of labels.")]
LexiconFolder = Annotated[Path, typer.Option("--output", "-o", help="The folder to write the lists to.")]
OntologyDump = Annotated[Optional[Path], typer.Option(
    help="DBpedia's ontology (.nt), for the types below Person, Organisation, Place and Work.")]
SpaceName = Annotated[str, typer.Argument(help="A space that comes with the package, or a YAML file.")]
Trials = Annotated[Optional[int], typer.Option(min=1, help="How many trials, if not the space's number.")]
RecordsFolder = Annotated[Path, typer.Option(help="The folder of the runs in small form.")]
ReportFile = Annotated[Path, typer.Option("--output", "-o", help="The report to write, Markdown.")]
PlanFile = Annotated[Path, typer.Argument(help="The plan, YAML; see README.")]
RunsAtATime = Annotated[Optional[int], typer.Option(
    min=1, help="Runs at a time, a thread each; the cores of this machine if not given.")]
PlansRecords = Annotated[Optional[Path], typer.Option(
    "--records", help="Another folder for the runs in small form than the plan's.")]
Address = Annotated[Optional[str], typer.Option(
    help="Of a Ray cluster, with --engine ray; one on this machine is started if not given.")]
Texts = Annotated[List[Path], typer.Argument(
    help="Files with a sentence or a paragraph a line, plain or .gz, .bz2, .xz, .zst.")]
VectorsFile = Annotated[Path, typer.Option("--output", "-o", help="The file of vectors to write.")]
Workers = Annotated[int, typer.Option(
    min=1, help="Threads; with more than one, the result differs from run to run.")]
Against = Annotated[bool, typer.Option(
    "--coverage", help="Tell how much of the configuration's corpus the vectors cover.")]
Plot = Annotated[Optional[Path], typer.Option(help="Plot the test F1 of each row to this PNG.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print fractions as JSON.")]


@app.command()
def preprocess(config: ConfigPath = None, experiment: Experiment = None,
               settings: Settings = None) -> None:
    """Turn a corpus into features in data/processed/."""
    from ner_mx.features.preprocessing import preprocess as run
    from ner_mx.features.preprocessing import summary
    from ner_mx.features.processed import folder_of

    resolved = load_config(config, experiment, settings or ())
    processed = run(resolved)
    typer.echo(summary(processed.meta))
    typer.echo(f"\nwritten to {folder_of(resolved)}")


@app.command()
def train(config: ConfigPath = None, experiment: Experiment = None, settings: Settings = None,
          resume: Resume = None, overwrite: Overwrite = False) -> None:
    """Train on a processed corpus; writes a folder under runs/ and prints the entity-level tables."""
    from ner_mx.evaluation.conlleval import conlleval

    if resume and overwrite:
        raise UserError("--overwrite: expected a new run or one to --resume, found both")
    resolved = (load_config(config, experiment, settings or ()) if resume is None else
                _resumed_config(resume, config, experiment, settings or ()))
    _set_threads(resolved)
    from ner_mx.reports.run_report import write_report
    from ner_mx.training.interrupts import Stopped
    from ner_mx.training.run import train as run

    try:
        result = run(resolved, resume, overwrite)
    except KeyboardInterrupt as interrupt:
        typer.echo(f"stopped; go on with: python train.py --resume {interrupt.folder}" if isinstance(
            interrupt, Stopped) else "stopped before training; nothing was written", err=True)
        raise typer.Exit(130) from None
    write_report(result.folder)
    for name, table in result.tables.items():
        typer.echo(f"\n{name}\n{conlleval(table)}")
    typer.echo(f"\nwritten to {result.folder}")


@app.command()
def evaluate(run: RunFolder, file: CorpusFile = None, as_json: AsJson = False, device: Device = None,
             settings: Settings = None) -> None:
    """Tag an annotated file with a run's network and score it; --set corpus.… says how it is read."""
    config = _run_config(run, settings or ())
    _set_threads(config)
    from ner_mx.training.predictor import evaluate_run

    for name, evaluation in evaluate_run(run, config.corpus, file, device).items():
        _print_evaluation(evaluation, as_json, name)


@app.command()
def score(file: Predictions, as_json: AsJson = False) -> None:
    """Score a file of predictions as conlleval does."""
    from ner_mx.evaluation.files import score_file

    _print_evaluation(score_file(file), as_json)


@app.command()
def predict(model: Model, text: Text = None, file: TextFile = None, form: OutputForm = "jsonl",
            device: Device = None) -> None:
    """Find the entities of raw text; prints a JSON object a text."""
    from ner_mx.runtime.bundle import is_bundle
    from ner_mx.runtime.lines import line_groups
    from ner_mx.runtime.output import FORMATS
    from ner_mx.runtime.tagger import Tagger
    from ner_mx.runtime.text import find_entities

    if form not in FORMATS:
        raise UserError(f"--format: expected one of {', '.join(FORMATS)}, found {form!r}")
    if text is not None and file:
        raise UserError("--file: expected a text or a file of texts, found both")
    if is_bundle(model):
        if device not in (None, "auto", "cpu"):
            raise UserError(f"--device: expected cpu for a bundle, found {device!r}")
        tag_batch = Tagger.load(model).tag_batch
    else:
        from ner_mx.training.records import read_run_config

        if not (model / "config.yaml").is_file():
            raise UserError(f"{model}: expected a bundle or the folder of a run, found neither's files in it")
        _set_threads(read_run_config(model))
        from ner_mx.training.predictor import load_recogniser

        tag_batch = load_recogniser(model, device).tag_batch
    with open(file, "rb") if file else nullcontext(sys.stdin.buffer) as stream:
        for group in ([text],) if text is not None else line_groups(stream, str(file or "stdin")):
            for one, entities in zip(group, find_entities(group, tag_batch)):
                # Bytes of an argument that are no UTF-8 come out as they went in.
                sys.stdout.buffer.write(FORMATS[form](one, entities).encode("utf-8", "surrogateescape"))
            sys.stdout.buffer.flush()


@app.command()
def export(run: RunFolder, folder: BundleFolder, precision: Precision = "float32",
           overwrite: OverwriteBundle = False) -> None:
    """Write a run's network as a bundle that needs no MXNet; checks that both compute the same."""
    from ner_mx.runtime.export import export as run_export

    done = run_export(run, folder, precision, overwrite)
    typer.echo(f"{done.sentences:,} sentences: scores of MXNet and onnxruntime differ by at most "
               f"{done.difference:.1e}")
    for part, scores in done.f1.items():
        typer.echo(f"{part:<5}entity F1  " + "  ".join(f"{name} {f1:.4f}" for name, f1 in scores.items()))
    typer.echo(f"{done.bytes / 1e6:.1f} MB\n\nwritten to {folder}")


@app.command()
def serve(bundle: Bundle, host: str = "127.0.0.1", port: Port = 8080, api_key: ApiKey = None,
          threads: Threads = None, body_bytes: int = 1 << 20, texts: int = 256,
          queue_characters: int = 1 << 22, batch_characters: int = 1 << 15, seconds: float = 30.0,
          connections: int = 1000) -> None:
    """Serve a bundle over HTTP, with a page; listens on this machine alone unless told."""
    from pydantic import ValidationError

    if api_key is None and API_KEY in os.environ:
        # Whoever sets it wants a key asked for; typer takes an empty variable for one that is not set.
        raise UserError(f"{API_KEY}: expected a key, found an empty variable; set or unset it")
    from ner_mx.runtime.tagger import Tagger
    from ner_mx.serving.limits import Limits
    from ner_mx.serving.server import serve as run

    try:
        limits = Limits(body_bytes=body_bytes, texts=texts, queue_characters=queue_characters,
                        batch_characters=batch_characters, seconds=seconds, connections=connections)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}") from None
    run(Tagger.load(bundle, threads), host, port, limits, api_key)


@app.command()
def tag(bundle: Bundle, source: Source, target: Target, form: SourceForm = None, processes: Processes = 1,
        engine: Engine = "local", address: Address = None, overwrite: OverwriteResult = False) -> None:
    """Tag a corpus: text, JSONL, CoNLL, Parquet, or a folder of them; goes on where it stopped."""
    if address and engine != "ray":
        raise UserError("--address: expected --engine ray with it, found another engine")
    if engine == "ray":
        from ner_mx.serving.cluster import tag_tables

        done = tag_tables(bundle, source, target, form, processes, address, overwrite)
    elif engine == "local":
        from ner_mx.serving.bulk import tag as run

        with _going_on():
            done = run(bundle, source, target, form, processes, overwrite)
    else:
        raise UserError(f"--engine: expected local or ray, found {engine!r}")
    rate = done.words / max(done.seconds, 1e-9)
    aside = " (see .bad.jsonl beside the result)" if done.problems else ""
    typer.echo(f"{done.files:,} files, {done.records:,} records, {done.problems:,} of them bad{aside}; "
               f"{done.words:,} words in {done.seconds:.1f} s ({rate:,.0f} words/s)\n\nwritten to {target}")


@app.command()
def convert(source: Source, target: Target, reader: Reader = None, writer: Writer = None,
            scheme: str = "IOB2", settings: Settings = None, overwrite: OverwriteResult = False) -> None:
    """Write an annotated corpus in another format; --set corpus.… says how it is read."""
    from ner_mx.corpora.schemes import SCHEMES
    from ner_mx.corpora.writers import convert as run

    if scheme not in SCHEMES:
        raise UserError(f"--scheme: expected one of {', '.join(SCHEMES)}, found {scheme!r}")
    corpus = load_config(None, None, settings or ()).corpus
    done = run(source, target, corpus, reader, writer, scheme, overwrite)
    for what, count in done.warnings.items():
        typer.echo(f"warning: {count:,} {what}", err=True)
    typer.echo(f"{done.sentences:,} sentences, {done.tokens:,} tokens, read as {done.scheme}\n"
               f"\nwritten to {target}")


@app.command()
def summary(runs: Runs, save: Save = None, plot: Plot = None) -> None:
    """Print a table of several runs: mean and standard deviation over seeds."""
    from ner_mx.reports import summary as reports
    from ner_mx.training.records import read_records, write_record

    records = read_records(runs)
    if save:
        for record in records:
            write_record(record, save)
    rows = reports.rows(records)
    if plot:
        reports.plot(rows, plot)
    typer.echo(reports.summary(rows))


@app.command()
def experiments() -> None:
    """List the named experiments."""
    from ner_mx.config import EXPERIMENTS

    for path in sorted(EXPERIMENTS.rglob("*.yaml"), key=lambda path: (path.parent, path.stem)):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        typer.echo(f"{path.stem:<36}{first.lstrip('# ')}")


@app.command()
def vectors(texts: Texts, output: VectorsFile, config: ConfigPath = None, experiment: Experiment = None,
            settings: Settings = None, method: Method = "skip-gram", dimension: int = 50, window: int = 5,
            negative: int = 5, min_count: int = 5, epochs: int = 5, workers: Workers = 1,
            seed: int = 1, against: Against = False, overwrite: OverwriteResult = False) -> None:
    """Learn word vectors from raw text, in the form in which the configuration looks words up."""
    from ner_mx.corpora.splits import read_parts
    from ner_mx.features import vector_training as training

    resolved = load_config(config, experiment, settings or ())
    parts = read_parts(resolved.corpus).parts if against else {}
    learnt = training.train_vectors(texts, output, resolved.features, training.Settings(
        method, dimension, window, negative, min_count, epochs, workers, seed), overwrite)
    typer.echo(training.summary(learnt))
    for part, shares in training.coverage(parts, learnt.words).items():
        typer.echo(f"vectors, {part:<7}" + ", ".join(f"{share:.2%} {how}" for how, share in shares.items()))
    typer.echo(f"\nwritten to {output}")


@app.command()
def replicate(plan: PlanFile, workers: RunsAtATime = None, engine: Engine = "local",
              address: Address = None, records: PlansRecords = None) -> None:
    """Work off a plan of experiments and seeds; what is done is never repeated."""
    from ner_mx.training.replication import replicate as run

    with _going_on():
        outcomes = run(plan, workers, engine, address, records)
    for outcome in outcomes:
        typer.echo(f"{outcome.name:<44}{outcome.state}" + (f"  {outcome.reason}" if outcome.reason else ""))
    if any(outcome.state == "broken off" for outcome in outcomes):
        typer.echo("what was broken off goes on with the same command", err=True)
        raise typer.Exit(1)


@app.command()
def search(space: SpaceName, settings: Settings = None, workers: RunsAtATime = None,
           trials: Trials = None) -> None:
    """Search for settings by trials that dev judges; a search that was broken off goes on."""
    from ner_mx.config import parse_settings
    from ner_mx.reports.search_report import summary, write_search_report
    from ner_mx.training.search import search as run

    with _going_on():
        found = run(space, parse_settings(settings or ()), workers, trials)
    typer.echo(summary(found))
    typer.echo(f"\nwritten to {write_search_report(found, found.folder)} and {found.folder / 'best.yaml'}")


@app.command()
def report(records: RecordsFolder = Path("reports/runs"),
           output: ReportFile = Path("reports/replication.md")) -> None:
    """Write the paper's tables beside those of our runs, with tests and plots.

    Remarks on the figures are taken in from a file beside the report: replication.notes.md.
    """
    from ner_mx.reports.replication import write_replication

    rows = write_replication(records, output)
    typer.echo(f"{sum(len(row.records) for row in rows.values())} runs of {len(rows)} rows\n"
               f"written to {output} and {output.with_suffix('.html')}")


@lexicon.command("build")
def build(types: TypesDump, labels: LabelsDump, output: LexiconFolder, ontology: OntologyDump = None,
          language: str = "en") -> None:
    """Make lists of names from DBpedia's published dumps."""
    from ner_mx.features.dbpedia import build_lexicon

    built = build_lexicon(types, labels, output, ontology, language)
    for category, count in built.names.items():
        typer.echo(f"{category:<5}{count:>10,} names")
    for dump, count in built.passed_over.items():
        typer.echo(f"passed over {count:,} lines of {dump} that are no triples of names", err=True)
    if ontology is None:
        typer.echo("without --ontology, whoever is only called an Athlete is not found as a person", err=True)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@contextmanager
def _going_on() -> Iterator[None]:
    """Say on Ctrl-C that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on", err=True)
        raise typer.Exit(130) from None


def _print_evaluation(evaluation: Any, as_json: bool, name: str = "") -> None:
    from ner_mx.evaluation.conlleval import conlleval

    if as_json:
        typer.echo(json.dumps({"name": name, **evaluation.to_json()} if name else evaluation.to_json()))
    else:
        typer.echo((f"{name}\n" if name else "") + conlleval(evaluation))


def _run_config(run: Path, settings: Sequence[str]) -> Config:
    """A run's configuration, with settings of the section corpus over it."""
    from ner_mx.runtime.bundle import is_bundle
    from ner_mx.training.records import read_run_config  # brings no MXNet yet

    if is_bundle(run):
        raise UserError(f"{run}: expected the folder of a run, found a bundle; name the run it was made from")
    other = next((one for one in settings if not one.startswith("corpus.")), None)
    if other:
        raise ConfigError(f"--set {other}: expected a key of the section corpus, as everything else is the "
                          "run's")
    read_run_config(run)
    return load_config(run / "config.yaml", None, settings)


def _resumed_config(resume: Path, config: Optional[Path], experiment: Optional[str],
                    settings: Sequence[str]) -> Config:
    """The configuration of a run to resume: its own, with settings over it, where no other is named."""
    from ner_mx.errors import RunError

    if not (resume / "config.yaml").is_file():
        raise RunError(f"{resume}: expected a run to resume, found no config.yaml in it")
    if config is None and experiment is None:
        config = resume / "config.yaml"
    return load_config(config, experiment, settings)


def _set_threads(config: Config) -> None:
    """Set the number of threads; this must come before MXNet is imported."""
    if config.run.threads:
        if "mxnet" in sys.modules:
            raise ConfigError("run.threads: MXNet is imported already; set OMP_NUM_THREADS instead")
        os.environ["OMP_NUM_THREADS"] = str(config.run.threads)


def guarded(command: Callable[[], Any]) -> NoReturn:
    """Run a command; a user's mistake becomes one line on stderr and exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("ner_mx").setLevel(logging.INFO)
    # A terminated run ends as one that is interrupted: between two files, resumable.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        command()
    except UserError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            _fail(f"{place}expected a folder, found a file; move it, or choose another place")
        full = "; what was there before is untouched" if error.errno in FULL else ""
        _fail(f"{place}{error.strerror or error}{full}")
    raise SystemExit(0)


def _fail(message: str, code: int = 2) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(code)


def _leave(command: Callable[[], NoReturn]) -> NoReturn:
    """Leave the process with the exit code that a command ends with.

    MXNet's threads are sometimes still about when Python takes the library
    down, which then aborts: a finished run would be reported as a crash.
    """
    try:
        command()
    except SystemExit as end:
        if "mxnet" not in sys.modules:
            raise
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def script(verb: Callable[..., Any]) -> NoReturn:
    """Run one verb as a script of its own: ``preprocess.py`` and ``train.py``."""
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command()(verb)
    _leave(lambda: guarded(single))


def main() -> NoReturn:
    """The entry point of ``ner-mx``."""
    _leave(lambda: guarded(app))


if __name__ == "__main__":
    main()
