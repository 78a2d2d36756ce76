"""Optimizers that MXNet lacks, or has in a slower form."""

from __future__ import annotations

from typing import Any

from ner_mx.compat import mx
from ner_mx.untyped import Tensor


class DecoupledAdam(mx.optimizer.Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019).

    Rows of a row-sparse gradient decay when they are updated, others do not.
    """

    def update(self, index: int, weight: Tensor, grad: Tensor, state: Tensor) -> None:
        """One update of one parameter."""
        decay: float = self._get_wd(index)
        every: float = self.wd
        self.wd: float = 0.0
        if decay:
            if grad.stype == "row_sparse":
                # A gradient of zeros whose rows say where to decay.
                grad_rows = mx.nd.sparse.row_sparse_array(
                    (mx.nd.zeros_like(grad.data), grad.indices), shape=grad.shape)
                mx.nd.sparse.sgd_update(weight, grad_rows, out=weight, lr=self._get_lr(index), wd=decay)
            else:
                weight *= 1.0 - self._get_lr(index) * decay
        super().update(index, weight, grad, state)
        self.wd = every


class PlainSGD(mx.optimizer.SGD):
    """Stochastic gradient descent, one parameter at a time.

    MXNet's own calls the operator that updates several parameters even for
    one, which takes twice as long as the plain one on the CPU.
    """

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.aggregate_num = 0

    def update_multi_precision(self, index: int, weight: Tensor, grad: Tensor, state: Tensor) -> None:
        """What the updater calls; that of ``mx.optimizer.SGD`` bypasses ``update``."""
        self._update_count(index)
        options = {"lr": self._get_lr(index), "wd": self._get_wd(index), "rescale_grad": self.rescale_grad,
                   "out": weight}
        if state is None:
            mx.nd.sgd_update(weight, grad, **options)
        else:
            mx.nd.sgd_mom_update(weight, grad, state, momentum=self.momentum, **options)
