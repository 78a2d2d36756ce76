"""Kill every command that writes: python tests/reliability/kills.py [--times 20] [--seed 1] [COMMAND ...]

A command runs twice without interruption, which shows which of its files hold times; the others are
its result.  Then, each time in a new folder, it is killed at a random moment and called again: what
stood before must be complete, the second call must give the same bytes, and nothing else may remain.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL = [option for setting in (
    f"corpus.path={ROOT}/data/sample", "corpus.name=small", "model.units=16", "features.words.dimension=12",
    "features.characters.filters=8", "features.pos.tagger.epochs=1", "features.pos.tagger.units=8", "training.epochs=2",
    "run.threads=1", "run.name=small", "run.device=cpu") for option in ("--set", setting)]
TINY = (f"corpus.path: {ROOT}/data/sample, features.words.dimension: 8, features.characters.filters: 8, "
        "features.pos.use: false, training.epochs: 1")
PLAN = f"""directory: runs
records: records
set: {{{TINY}, model.units: 8}}
runs:
  - experiments: [tiny.yaml]
    name: tiny
    seeds: [1, 2]
"""
SPACE = f"""experiment: tiny.yaml
directory: search
trials: 3
startup_trials: 2
retrain: 1
seeds: [1]
set: {{{TINY}}}
space:
  model.units: {{low: 4, high: 12, integer: true}}
"""

PREPROCESS = [str(ROOT / "preprocess.py"), *SMALL]
TRAIN = [str(ROOT / "train.py"), *SMALL]
NER = ["-m", "ner_mx"]
SAMPLE = ROOT / "data/sample"

# The commands, each with what has to be there before it, and what is called after a kill, if not the same.
COMMANDS = {
    "preprocess": ([], PREPROCESS, None),
    "train": ([PREPROCESS], TRAIN, [str(ROOT / "train.py"), "--resume", "runs/small"]),
    "export": ([PREPROCESS, TRAIN], [*NER, "export", "runs/small", "bundle", "--overwrite"], None),
    "tag": ([PREPROCESS, TRAIN, [*NER, "export", "runs/small", "bundle"]],
            [*NER, "tag", "bundle", "texts", "tagged"], None),
    "tag two processes": ([PREPROCESS, TRAIN, [*NER, "export", "runs/small", "bundle"]],
                          [*NER, "tag", "bundle", "texts", "tagged", "--processes", "2"], None),
    "convert": ([], [*NER, "convert", str(SAMPLE / "train.txt"), "converted.jsonl"], None),
    "convert to a folder": ([], [*NER, "convert", str(SAMPLE / "train.txt"), "converted"], None),
    "init": ([], [*NER, "init", str(SAMPLE / "train.txt"), "--output", "found.yaml"], None),
    "vectors": ([], [*NER, "vectors", "texts/a.txt", "-o", "own.txt", "--dimension", "8", "--overwrite"], None),
    "lexicon build": ([], [*NER, "lexicon", "build", "types.ttl", "labels.ttl", "-o", "lists", "--overwrite"], None),
    "replicate": ([], [*NER, "replicate", "plan.yaml", "--workers", "1"], None),
    "search": ([], [*NER, "search", "space.yaml", "--workers", "1"], None),
    "report": ([[*NER, "replicate", "plan.yaml", "--workers", "2"]],
               [*NER, "report", "--records", "records", "--output", "report.md"], None),
}


def prepare(folder):
    """The files that commands read."""
    folder.mkdir(parents=True)
    (folder / "plan.yaml").write_text(PLAN)
    (folder / "space.yaml").write_text(SPACE)
    (folder / "tiny.yaml").write_text("model: {units: 8}\n")
    words = [line.split()[0] for line in (SAMPLE / "train.txt").read_text().splitlines() if line.strip()]
    lines = [" ".join(words[start:start + 12]) for start in range(0, len(words) - 12, 12)]
    (folder / "texts").mkdir()
    for name in ("a", "b"):
        (folder / f"texts/{name}.txt").write_text("\n".join(lines * 8) + "\n")
    iri = "<http://dbpedia.org/resource/E{0}>"
    kind = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://dbpedia.org/ontology/Person> .\n"
    (folder / "types.ttl").write_text("".join(f"{iri.format(n)} {kind}" for n in range(60_000)))
    label = '<http://www.w3.org/2000/01/rdf-schema#label> "Name {0}"@en .\n'
    (folder / "labels.ttl").write_text("".join(f"{iri.format(n)} {label.format(n)}" for n in range(60_000)))


def call(folder, arguments, check=True, until=None):
    """Run a command to its end, or kill it and its children after some seconds."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, start_new_session=True,
                               env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        _, problem = process.communicate(timeout=until)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None
    if check and process.returncode:
        raise RuntimeError(f"{arguments}: {problem[-2000:]}")
    return process.returncode


def contents(folder):
    """The SHA-256 of every file, by name."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def leftovers(folder):
    """Temporary files, locks and chunks, wherever they are."""
    return [str(path.relative_to(folder)) for path in folder.rglob(".*")
            if path.name.endswith((".tmp", ".old", ".lock", ".parts"))]


def examine(name, place, times, drawn):
    """Kill a command so many times; what went wrong."""
    before, command, again = COMMANDS[name]
    prepare(place / "start")
    for earlier in before:
        call(place / "start", earlier)
    results, seconds = [], 0.0
    for number in range(2):
        folder = place / f"whole{number}"
        shutil.copytree(place / "start", folder)
        started = time.perf_counter()
        call(folder, command)
        seconds = max(seconds, time.perf_counter() - started)
        results.append(contents(folder))
    timed = {file for file in set(results[0]) | set(results[1]) if results[0].get(file) != results[1].get(file)}
    expected = {file: digest for file, digest in results[0].items() if file not in timed}
    failures = [f"{name}: {file} without interruption" for file in leftovers(place / "whole0")]
    killed = calls = 0
    while killed < times and calls < 4 * times:  # some end before they are killed
        calls += 1
        folder = place / f"killed{calls}"
        shutil.copytree(place / "start", folder)
        moment = drawn.uniform(0.1, seconds)
        killed += call(folder, command, check=False, until=moment) is None
        resumes = again is not None and (folder / again[-1] / "config.yaml").is_file()
        code = call(folder, again if resumes else command, check=False)
        found = {file: digest for file, digest in contents(folder).items() if file not in timed}
        wrong = sorted(file for file in set(found) | set(expected) if found.get(file) != expected.get(file))
        if wrong:
            failures.append(f"{name}, killed after {moment:.2f} s, exit {code}: {wrong[:8]}")
        failures += [f"{name}, killed after {moment:.2f} s: {file} remains" for file in leftovers(folder)]
        shutil.rmtree(folder)
    print(f"{name}: {killed} of {calls} calls killed within {seconds:.1f} s, {len(failures)} failures; "
          f"{len(expected)} files compared, {len(timed)} hold times: {sorted(timed)[:4]}", flush=True)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("commands", nargs="*")
    arguments = parser.parse_args()
    failures = []
    for name in arguments.commands or COMMANDS:
        with tempfile.TemporaryDirectory() as folder:
            failures += examine(name, Path(folder), arguments.times, random.Random(f"{arguments.seed} {name}"))
    print("\n".join(failures))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
