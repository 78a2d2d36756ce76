"""Where the runs of a plan are trained: on the cores of this machine, or on several through Ray.

Each stage of a run is a process of its own with one thread, so that a death costs one run.
"""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Callable, Dict, Iterator, NamedTuple, Optional, Sequence, Set, Tuple

from ner_mx.errors import TrainingError
from ner_mx.ray_session import joined
from ner_mx.training.plans import Planned

# The trainings that run now, to be stopped with us.
_processes: Set[subprocess.Popen] = set()


class Outcome(NamedTuple):
    """What became of a run: ``done``, ``failed`` for a reason, or ``broken off``."""

    name: str
    state: str
    reason: str = ""


def run_one(run: Planned) -> Outcome:
    """Train one run in a process of its own, going on where it was broken off."""
    resume = ["--resume", str(run.folder)] if (run.folder / "last/state.json").is_file() else ["--overwrite"]
    problem = execute(run, "train", resume)
    if problem is None:
        return Outcome(run.name, "done")
    return Outcome(run.name, *problem)


def execute(run: Planned, verb: str, arguments: Sequence[str] = ()) -> Optional[Tuple[str, str]]:
    """Run one stage; None if it went well, else (state, the last line that it said)."""
    command = [*run.command(verb), *arguments]
    with open(run.log, "a", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        _processes.add(process)
        code = process.wait()
        _processes.discard(process)
    if code == 0:
        return None
    lines = run.log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = lines[-1] if lines else ""
    if code == TrainingError.exit_code:
        return "failed", said.replace("error: ", "", 1)
    return "broken off", said.replace("error: ", "", 1) if code == 2 else f"exit code {code}; see {run.log}"


def _local(runs: Sequence[Planned], workers: Optional[int], address: Optional[str]) -> Iterator[Outcome]:
    with ThreadPoolExecutor(workers or _cores()) as pool:
        futures = [pool.submit(run_one, run) for run in runs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            # What has not begun must not begin; what runs ends behind its next step, to be resumed.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_processes):
                process.terminate()
            raise


def _ray(runs: Sequence[Planned], workers: Optional[int], address: Optional[str]) -> Iterator[Outcome]:
    here = os.getcwd()
    # A cluster knows itself how many cores it has.
    together = workers or (len(runs) if address else _cores())
    with joined(address, together) as ray:

        # A run that takes its worker with it would do so again: it is broken off, and the plan goes on.
        @ray.remote(num_cpus=1, max_retries=0)
        def remote(run: Planned) -> Outcome:
            os.chdir(here)
            return run_one(run)

        queue = iter(runs)
        waiting = {remote.remote(run): run for run in islice(queue, together)}
        while waiting:
            (ready,), _ = ray.wait(list(waiting), num_returns=1)
            run = waiting.pop(ready)
            waiting.update((remote.remote(following), following) for following in islice(queue, 1))
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                yield Outcome(run.name, "broken off", f"its worker died: {type(error).__name__}")


def _cores() -> int:
    return os.cpu_count() or 1


ENGINES: Dict[str, Callable[[Sequence[Planned], Optional[int], Optional[str]], Iterator[Outcome]]] = {
    "local": _local, "ray": _ray}
