"""Attack the reading of bundles: python tests/reliability/bundles.py [--mutations 2000] [--seed 1]

Each bundle is loaded and used in a process with limited memory; it must work, with entities and probabilities
that are possible, or be refused in one line within ten seconds.
"""

import argparse
import collections
import json
import math
import random
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from random_networks import build, lexicon_sources
from reliability.bundle_attacks import attacks, mutated, rehash

from ner_mx.errors import BundleError
from ner_mx.inference import Tagger
from ner_mx.inference.bundle import write_bundle
from ner_mx.inference.exporting import bundle_of
from ner_mx.serving.page_html import page

SECONDS, MEMORY = 10, 6 << 30
TEXT = "Ada of Florence left the EU bank in 1996-08-22. " * 3
METRICS = {"data": {}, "seed": 1}


def write_example(folder):
    """A bundle with every part that a bundle can have."""
    lists = folder.parent / "lists"
    lists.mkdir(exist_ok=True)
    write_bundle(bundle_of(*build({"features.pos.use": True, "loss.name": "sentence",
                                   "features.lexicons.sources": lexicon_sources(lists)}), METRICS), folder)


def outcome(folder):
    """``works``, ``refused``, or what is wrong."""
    try:
        tagger = Tagger.load(folder, threads=1)
    except BundleError as error:
        return "refused" if str(error).isprintable() and len(str(error)) < 2000 else f"not one line: {error!r}"
    for entity in tagger.predict(TEXT):
        if TEXT[entity.start:entity.end] != entity.text or not 0 <= entity.score <= 1 + 1e-6:
            return f"an impossible answer: {entity}"
    if "split_digits: true" not in (folder / "config.yaml").read_text() and not all(
            math.isfinite(value) for value in tagger.marginals(["Ada", "left"]).reshape(-1)):
        return "impossible probabilities"
    json.dumps(tagger.describe(), allow_nan=False, ensure_ascii=False).encode()
    page(tagger.labels, tagger.card, False, TEXT, 0.0, tagger.predict(TEXT)).encode()
    return "works"


def attempt(example, folder, change):
    """The outcome of one changed copy; a crash, a warning or a long time is none."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(example, folder)
    change(folder)
    signal.alarm(SECONDS)
    try:
        return outcome(folder)
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.alarm(0)


def run(example, folder, cases, verbose=False):
    """The outcomes of named changes, counted; failures are printed."""
    counts = collections.Counter()
    for name, change in cases:
        result = attempt(example, folder, change)
        counts[result if result in ("works", "refused") else "failed"] += 1
        if verbose and result == "works":
            print(f"works: {name}")
        if result not in ("works", "refused"):
            print(f"FAILED {name}: {result}", flush=True)
    return counts


def mutations(example, number, seed):
    """Changes of a few bytes in one file; half of them with a manifest that agrees."""
    drawn = random.Random(seed)
    names = sorted(path.name for path in example.iterdir())
    for index in range(number):
        name = drawn.choice(names)

        def change(folder, name=name, agreed=index % 2, state=drawn.getrandbits(64)):  # noqa: B008
            path = folder / name
            path.write_bytes(mutated(random.Random(state), path.read_bytes()))
            if agreed and name != "manifest.json":
                rehash(folder)

        yield f"mutation {index} of {name} (seed {seed})", change


def _too_slow(*_):
    raise TimeoutError(f"more than {SECONDS} seconds")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="name the bundles that work")
    arguments = parser.parse_args()
    warnings.simplefilter("error")
    signal.signal(signal.SIGALRM, _too_slow)
    with tempfile.TemporaryDirectory() as folder:
        example = Path(folder) / "example"
        write_example(example)
        assert outcome(example) == "works"
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        failed = 0
        for title, cases in (("structured attacks", list(attacks(example))),
                             ("mutations", mutations(example, arguments.mutations, arguments.seed))):
            counts = run(example, Path(folder) / "bundle", cases, arguments.verbose)
            failed += counts["failed"]
            print(f"{title}: {sum(counts.values())} tried, {counts['refused']} refused, {counts['works']} work, "
                  f"{counts['failed']} failed", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
