"""How fast a bundle or another fitted system tags, and how much memory that takes: in a process of its own.

``python -m ner_mx.inference.measuring FOLDER SENTENCES THREADS [CODE...]`` reads sentences as JSON
and prints one JSON object; :func:`measure` runs it for several of them in turns,
so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import gettempdir
from typing import Callable, Dict, List, NamedTuple, Sequence

from ner_mx.errors import UserError, shown
from ner_mx.machine import peak_memory
from ner_mx.registry import load_code, loaded_code
from ner_mx.temporary import temporary_folder

# Sentences that are tagged one by one, for the time of a single one.
SINGLE = 400


class Speed(NamedTuple):
    """What was measured.

    words_per_second : of all sentences at once, tokens given, probabilities included; the best of the rounds.
    milliseconds : of a single sentence, the median; the best of the rounds.
    megabytes : the peak of the process.
    """

    words_per_second: float
    milliseconds: float
    megabytes: float


def measure(folders: Sequence[Path], sentences: Sequence[Sequence[str]], threads: int, rounds: int = 3) -> List[Speed]:
    """Measure bundles and other systems in turns.

    Raises
    ------
    UserError : the process of one has failed.
    """
    found: Dict[Path, List[Speed]] = {path: [] for path in folders}
    with temporary_folder(Path(gettempdir()) / "ner_mx-measuring", mode=0o700) as folder:
        texts = folder / "sentences.json"
        texts.write_text(json.dumps([list(tokens) for tokens in sentences]), encoding="utf-8")
        for _ in range(rounds):
            for path in folders:
                done = subprocess.run(
                    [sys.executable, "-m", "ner_mx.inference.measuring", str(path), str(texts), str(threads),
                     *loaded_code],
                    capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
                if done.returncode:
                    lines = done.stderr.strip().splitlines() or [f"the exit code {done.returncode}"]
                    raise UserError(f"{path}: expected a system that can be measured, found: {shown(lines[-1], 300)}")
                found[path].append(Speed(**json.loads(done.stdout)))
    return [Speed(max(speed.words_per_second for speed in speeds), min(speed.milliseconds for speed in speeds),
                  min(speed.megabytes for speed in speeds)) for speeds in (found[path] for path in folders)]


def measured(folder: Path, sentences: Sequence[Sequence[str]], threads: int) -> Speed:
    """The speed and memory of this process, which loads the bundle or system."""
    tag_batch = _tag_batch(folder, threads)
    tag_batch(sentences[:64])
    started = time.perf_counter()
    tag_batch(sentences)
    seconds = time.perf_counter() - started
    singles = []
    for tokens in sentences[:SINGLE]:
        started_one = time.perf_counter()
        tag_batch([tokens])
        singles.append(time.perf_counter() - started_one)
    return Speed(sum(map(len, sentences)) / seconds, 1000 * statistics.median(singles), peak_memory() / 1e6)


def _tag_batch(folder: Path, threads: int) -> Callable[[Sequence[Sequence[str]]], object]:
    """What tags tokenized sentences; only what it needs is imported."""
    from ner_mx.inference.bundle_folder import is_bundle

    if is_bundle(folder):
        from ner_mx.inference.tagger import Tagger

        return Tagger.load(folder, threads).tag_batch
    from ner_mx.experiments.system_folder import read_system

    return read_system(folder).tag_batch


if __name__ == "__main__":
    for source in sys.argv[4:]:  # what a user's own bundle needs
        load_code(source)
    print(json.dumps(measured(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")),
                              int(sys.argv[3]))._asdict()))
