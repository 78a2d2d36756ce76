"""Several processes that train one network together, over MXNet's parameter server.

Every worker plans the same batches, computes the gradients of its share of each, and applies the same update to the
same sum of gradients, so that all networks stay equal.  The server adds, and knows nothing of networks and optimizers:
clipping, checkpoints and resuming are those of a single process.  Word tables with row-sparse gradients travel as the
rows that some worker changed; MXNet's own row-sparse keys lose rows where nothing but sums is asked of the server.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np

from ner_mx.compat import mx
from ner_mx.config import Config
from ner_mx.errors import ConfigError
from ner_mx.files import read_json
from ner_mx.untyped import Tensor, Trainer

log = logging.getLogger(__name__)

# The variables that tell a process its place among the others.
VARIABLES = ("DMLC_ROLE", "DMLC_PS_ROOT_URI", "DMLC_PS_ROOT_PORT", "DMLC_NUM_WORKER", "DMLC_NUM_SERVER")
# The sizes of the arrays that are sent, in numbers: a few, or pieces of many.
SMALL, PIECE = 256, 1 << 18
# Seconds until all processes of a training must have found each other.
PATIENCE = 180.0


class Workers:
    """A single process, which has nobody to add to.

    Attributes
    ----------
    rank : of this worker, from 0; the first one judges, and writes the run.
    count : of workers.
    """

    rank, count = 0, 1

    @property
    def seeds(self) -> Tuple[int, ...]:
        """What the seeds of dropout have beside seed and epoch: workers drop differently."""
        return (self.rank,) if self.count > 1 else ()

    def total(self, vector: np.ndarray) -> np.ndarray:
        """The sum of the vectors of all workers, which have one size; float32."""
        return vector

    def joined(self, values: np.ndarray) -> np.ndarray:
        """The integers of all workers, one after the other; each below 2 ** 24, the largest that float32 counts to."""
        lengths = np.zeros(self.count, np.float32)
        lengths[self.rank] = len(values)
        ends = self.total(lengths).astype(np.int64).cumsum()
        places = np.zeros(ends[-1], np.float32)
        places[ends[self.rank] - len(values):ends[self.rank]] = values
        return self.total(places).astype(np.int64)

    def from_first(self, message: bytes) -> bytes:
        """What the first worker says; what the others say is ignored."""
        return bytes(self.joined(np.frombuffer(message if not self.rank else b"", np.uint8)).astype(np.uint8))

    def all_told(self, decision: bool) -> bool:
        """What the first worker decides."""
        return bool(self.total(np.array([decision and not self.rank], np.float32))[0])

    def finish(self) -> None:
        """Wait until the others have finished, too: the run is then written; one that fails waits for nobody."""

    def share(self, sentences: np.ndarray) -> np.ndarray:
        """The sentences of a batch of all that this worker computes; neighbours, of similar length, go to others."""
        return sentences[self.rank::self.count]

    def add_gradients(self, trainer: Trainer, loss: float) -> float:
        """Replace the gradients of this worker by the sums over all; returns the sum of the losses."""
        gradients = [parameter.list_grad()[0] for parameter in trainer._params]
        rows = [np.unique(self.joined(gradient.indices.asnumpy())) if gradient.stype == "row_sparse" else None
                for gradient in gradients]
        parts = [gradient.asnumpy() if ids is None else _rows(gradient, ids)
                 for gradient, ids in zip(gradients, rows)]
        flat = self.total(np.concatenate([*(part.ravel() for part in parts), np.array([loss], np.float32)]))
        pieces: List[np.ndarray] = np.split(flat, np.cumsum([part.size for part in parts]))
        for gradient, part, ids, piece in zip(gradients, parts, rows, pieces):
            values = mx.nd.array(piece.reshape(part.shape), ctx=gradient.context)
            if ids is not None:
                values = mx.nd.sparse.row_sparse_array((values, mx.nd.array(ids, dtype="int64")), shape=gradient.shape)
            values.copyto(gradient)
        for parameter in trainer._params:  # a worker without a sentence in a batch has computed nothing
            parameter.list_data()[0]._fresh_grad = True
        return float(pieces[-1][0])


SINGLE = Workers()


class ParameterServerWorkers(Workers):
    """The workers of a parameter server that adds up what they send."""

    def __init__(self) -> None:
        with _ended_after(PATIENCE, "expected {DMLC_NUM_WORKER} workers and {DMLC_NUM_SERVER} servers to meet at "
                                    "{DMLC_PS_ROOT_URI}:{DMLC_PS_ROOT_PORT}, found fewer after {seconds:.0f} seconds; "
                                    "start them again"):
            self._store: Any = mx.kv.create("dist_sync")
        self.rank, self.count = self._store.rank, self._store.num_workers
        self._known: Dict[str, Tensor] = {}

    def connected(self) -> ParameterServerWorkers:
        """These workers at the beginning of a training, in which one that fails does not wait for the others."""
        self._wait_at_the_end(False)
        return self

    def total(self, vector: np.ndarray) -> np.ndarray:
        """Sent in pieces of one size, because a server knows each array by one size for ever."""
        size = SMALL if len(vector) <= SMALL else PIECE
        padded = np.zeros(-(-len(vector) // size) * size, np.float32)
        padded[:len(vector)] = vector
        names = [f"{size}.{number}" for number in range(len(padded) // size)]
        for name, piece in zip(names, padded.reshape(-1, size)):
            if name not in self._known:
                self._known[name] = mx.nd.zeros((size,))
                self._store.init(name, self._known[name])
            self._store.push(name, mx.nd.array(piece))
        for name in names:
            self._store.pull(name, self._known[name])
        return np.concatenate([self._known[name].asnumpy() for name in names] or [padded])[:len(vector)]

    def finish(self) -> None:
        """Wait for the others now, and at the end of the process, which stops the servers."""
        self.total(np.zeros(1, np.float32))
        self._wait_at_the_end(True)

    def _wait_at_the_end(self, decision: bool) -> None:
        mx.base.check_call(mx.base._LIB.MXKVStoreSetBarrierBeforeExit(self._store.handle, int(decision)))


def connect(config: Config, resume: Optional[Path] = None) -> Workers:
    """The workers that this process belongs to; a single one without ``training.kvstore``.

    Parameters
    ----------
    resume : the folder of the run that goes on, for messages.

    Raises
    ------
    ConfigError : the process was not started as one of several, or was, and shall train alone.
    """
    if config.training.kvstore is None:
        if os.environ.get("DMLC_ROLE") == "worker":
            raise ConfigError("expected training.kvstore=dist_sync in a process that ner-mx launch started, found "
                              "it unset; add --set training.kvstore=dist_sync to the command")
        return SINGLE
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing or os.environ["DMLC_ROLE"] != "worker":
        raise ConfigError(f"training.kvstore: {config.training.kvstore} expects processes that know of each other, "
                          f"found {'no ' + ', '.join(missing) if missing else 'another role than that of a worker'}; "
                          f"start them with: ner-mx launch {_launched_like(resume)}")
    return _parameter_server_workers().connected()


def _launched_like(resume: Optional[Path]) -> str:
    """What is given to ``ner-mx launch``, with as many workers as a run has that goes on."""
    note = resume / "environment.json" if resume else None
    if note is None or not note.is_file():
        return "-n 2 -- python train.py …"
    return f"-n {read_json(note).get('workers', 1)} -- python train.py --resume {resume}"


@cache
def _parameter_server_workers() -> ParameterServerWorkers:
    """One for each process: MXNet's servers know a worker once."""
    return ParameterServerWorkers()


@contextmanager
def _ended_after(seconds: float, message: str) -> Iterator[None]:
    """End the process if the block takes longer: MXNet waits in C++ for ever, where no exception reaches it."""
    def end() -> None:
        log.error(message.format_map({**os.environ, "seconds": seconds}))
        logging.shutdown()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def check_equal(workers: Workers, fingerprint: str) -> None:
    """Check that all workers have the same corpus and configuration.

    Raises
    ------
    ConfigError
    """
    first = workers.from_first(fingerprint.encode()).decode()
    others = workers.total(np.array([first != fingerprint], np.float32))
    if others[0]:
        raise ConfigError("expected workers with the same corpus and configuration, found others in "
                            f"{int(others[0])} of {workers.count}; preprocess once, and share the folder")


def _rows(gradient: Tensor, ids: np.ndarray) -> np.ndarray:
    """(ids, dimension): the rows of a row-sparse gradient under these ids, zeros where it has none."""
    result = np.zeros((len(ids), *gradient.shape[1:]), np.float32)
    own = gradient.indices.asnumpy()
    if len(own):
        result[np.searchsorted(ids, own)] = gradient.data.asnumpy()
    return result
