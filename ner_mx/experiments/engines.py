"""Where the runs of a plan are trained: on the cores of this machine, or on several machines through Ray.

Each stage of a run is a process of its own with one thread, so that a crash costs one run.
"""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ner_mx.errors import TrainingError, UserError
from ner_mx.experiments.plans import PlannedRun
from ner_mx.machine import available_cores
from ner_mx.ray_session import ray_session
from ner_mx.registry import load_code, loaded_code

DONE, FAILED, INTERRUPTED, REFUSED = "done", "failed", "interrupted", "refused"

# The processes that are running, to be stopped with this one.
_processes: Set[subprocess.Popen[bytes]] = set()


class Outcome(NamedTuple):
    """How a run ended, with the reason: ``done``, ``failed`` (its training diverged), ``interrupted``, or ``refused``
    (a corpus, a file or a setting is not as expected).
    """

    name: str
    state: str
    reason: str = ""


def train_planned(run: PlannedRun) -> Outcome:
    """Train one run in a process of its own, resuming it if it was interrupted."""
    arguments = (["--resume", str(run.folder)] if (run.folder / "last/state.json").is_file()
                 else ["--overwrite"])
    problem = execute_stage(run, "train", arguments)
    if problem is None:
        return Outcome(run.name, DONE)
    return Outcome(run.name, *problem)


def execute_stage(run: PlannedRun, verb: str, arguments: Sequence[str] = ()) -> Optional[Tuple[str, str]]:
    """Run one stage; None if it succeeded, else the state and the last line that it printed."""
    command = [*run.command(verb), *arguments]
    with open(run.log, "a", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        _processes.add(process)
        code = process.wait()
        _processes.discard(process)
    if code == 0:
        return None
    lines = run.log.read_text(encoding="utf-8", errors="replace").splitlines()
    last = lines[-1].replace("error: ", "", 1) if lines else ""
    if code == TrainingError.exit_code:
        return FAILED, last
    if code == UserError.exit_code:
        return REFUSED, last
    return INTERRUPTED, f"exit code {code}; see {run.log}"


def _local(runs: Sequence[PlannedRun], workers: Optional[int], address: Optional[str]) -> Iterator[Outcome]:
    with ThreadPoolExecutor(workers or available_cores()) as pool:
        futures = [pool.submit(train_planned, run) for run in runs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            # Runs that have not started must not start; the others stop after their next step, resumable.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_processes):
                process.terminate()
            raise


def _ray(runs: Sequence[PlannedRun], workers: Optional[int], address: Optional[str]) -> Iterator[Outcome]:
    folder = os.getcwd()
    # A cluster knows how many cores it has.
    together = workers or (len(runs) if address else available_cores())
    with ray_session(address, together) as ray:

        # A run that crashes its worker would do so again: it counts as interrupted, and the plan continues.
        @ray.remote(num_cpus=1, max_retries=0)  # type: ignore[untyped-decorator]
        def remote(run: PlannedRun, code: List[str]) -> Outcome:
            os.chdir(folder)
            for source in code:
                load_code(source)
            return train_planned(run)

        queue = iter(runs)
        waiting = {remote.remote(run, loaded_code): run for run in islice(queue, together)}
        while waiting:
            (ready,), _ = ray.wait(list(waiting), num_returns=1)
            run = waiting.pop(ready)
            waiting.update((remote.remote(following, loaded_code), following) for following in islice(queue, 1))
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                yield Outcome(run.name, INTERRUPTED, f"its worker died: {type(error).__name__}")


ENGINES: Dict[str, Callable[[Sequence[PlannedRun], Optional[int], Optional[str]], Iterator[Outcome]]] = {
    "local": _local, "ray": _ray}
