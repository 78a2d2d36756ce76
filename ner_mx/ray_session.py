"""The only place that starts Ray: an existing cluster, or one on this machine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, Optional

from ner_mx.errors import UserError, first_line, install


@contextmanager
def ray_session(address: Optional[str], cores: int) -> Iterator[Any]:
    """Ray, connected to the cluster at ``address``; without one, a cluster of so many cores is started here.

    A session that exists already is used and not shut down.

    Raises
    ------
    UserError : Ray is not installed, or no cluster answers.
    """
    try:
        import ray
    except ImportError:
        raise UserError(f'the engine ray needs Ray: {install("ray")}') from None
    if ray.is_initialized():
        yield ray
        return
    try:
        ray.init(address=address, num_cpus=None if address else cores, log_to_driver=False,
                 include_dashboard=False, logging_level="warning")
    except Exception as error:  # Ray has no class of its own for these errors
        if address is None:
            raise
        raise UserError(f"address: expected that of a Ray cluster that answers, found {address!r}: "
                        f"{first_line(error)}") from None
    try:
        yield ray
    finally:
        ray.shutdown()
