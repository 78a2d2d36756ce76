"""The scheduler, or a server, of distributed training: ``python -m ner_mx.training.distributed.parameter_server``.

MXNet serves while it is imported in a process whose ``DMLC_ROLE`` says so, and ends the process at the end.
"""

from ner_mx.compat import mx

__all__ = ["mx"]
