"""The one door to Ray: a cluster that stands, or this machine's cores for as long as they are wanted."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, Optional

from ner_mx.errors import UserError, install


@contextmanager
def joined(address: Optional[str], cores: int) -> Iterator[Any]:
    """Ray, joined to the cluster at ``address``; without one, a cluster of so many cores is started here.

    A session that stands already is used and left as it is.

    Raises
    ------
    UserError : Ray is missing, or no cluster answers.
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
    except Exception as error:  # Ray has no class for what may be wrong here
        if address is None:
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"address: expected that of a Ray cluster that answers, found {address!r}: "
                        f"{said}") from None
    try:
        yield ray
    finally:
        ray.shutdown()
