"""Operators in numpy: what MXNet computes slowly on the CPU, written in a few passes over the data.

A class of :class:`NumpyOperator` computes on views of MXNet's own memory; the
engine calls it when its inputs are complete and its outputs are allocated.
"""

from __future__ import annotations

import ctypes
from typing import Any, Callable, ClassVar, Iterator, List, Sequence

import numpy as np

from ner_mx.compat import mx
from ner_mx.untyped import Tensor


def view(array: Tensor) -> np.ndarray:
    """The memory of a float array on the CPU."""
    pointer = ctypes.c_void_p()
    mx.base.check_call(mx.base._LIB.MXNDArrayGetData(array.handle, ctypes.byref(pointer)))
    return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), array.shape)


def dropout_mask(shape: Sequence[int], rate: float) -> np.ndarray:
    """Factors of 0 with a probability of ``rate``, to the next 256th, and of the inverse of the rest otherwise.

    From numpy's global random state, by a generator of its own that is six times as fast.
    """
    dropped, size = round(256 * rate), int(np.prod(shape))
    generator = np.random.Generator(np.random.SFC64(np.random.randint(1 << 62)))
    bits = generator.integers(0, 1 << 64, -(-size // 8), dtype=np.uint64)
    kept = bits.view(np.uint8)[:size].reshape(shape) >= dropped
    return np.multiply(kept, np.float32(256 / (256 - dropped)), dtype=np.float32)


# So many numbers of each array stay in the cache of a core.
BLOCK = 1 << 16


def blocks(count: int, size: int) -> Iterator[slice]:
    """``count`` items of ``size`` numbers each in slices of about :data:`BLOCK` numbers, at least one item each."""
    step = max(1, BLOCK // size)
    return (slice(start, start + step) for start in range(0, count, step))


class NumpyOperator(mx.operator.CustomOp):
    """An operator with one output.

    Attributes
    ----------
    differentiable : how many of the inputs have gradients; they come first.
    """

    differentiable: ClassVar[int]

    def compute(self, is_train: bool, inputs: List[np.ndarray], output: np.ndarray) -> None:
        """Write the output."""
        raise NotImplementedError

    def gradients(self, gradient: np.ndarray, inputs: List[np.ndarray], results: List[np.ndarray]) -> None:
        """Write the gradients of the differentiable inputs, of which none shares memory with another array."""
        raise NotImplementedError

    def forward(self, is_train: bool, req: List[str], in_data: List[Tensor], out_data: List[Tensor],
                aux: List[Tensor]) -> None:
        """What MXNet calls."""
        self.compute(is_train, [view(array) for array in in_data], view(out_data[0]))

    def backward(self, req: List[str], out_grad: List[Tensor], in_data: List[Tensor], out_data: List[Tensor],
                 in_grad: List[Tensor], aux: List[Tensor]) -> None:
        """What MXNet calls."""
        inputs = [view(array) for array in in_data]
        results = [view(array) if kind == "write" else np.empty_like(values)
                   for kind, array, values in zip(req, in_grad, inputs[:self.differentiable])]
        self.gradients(view(out_grad[0]), inputs, results)
        for kind, array, values in zip(req, in_grad, results):
            if kind == "add":
                view(array)[:] += values
            elif kind == "inplace":
                view(array)[:] = values


def register_operator(name: str, arguments: Sequence[str],
                      shapes: Callable[[Any], List[Any]],
                      output_shape: Callable[[Any], Any] = lambda shape: shape) -> Callable[[type], type]:
    """Register a :class:`NumpyOperator` under ``F.Custom(..., op_type=name)``.

    Parameters
    ----------
    arguments : the names of the inputs.
    shapes : from the shapes of the inputs, as far as they are known, to those of all; the first is always known.
    output_shape : from the shape of the first input to that of the output.
    """

    def add(operator: type) -> type:
        class Properties(mx.operator.CustomOpProp):
            def __init__(self, **options: str):
                super().__init__(need_top_grad=True)
                self._options = {key: float(value) for key, value in options.items()}

            def list_arguments(self) -> List[str]:
                return list(arguments)

            def infer_shape(self, in_shape: List[Any]) -> Any:
                return shapes(in_shape), [output_shape(in_shape[0])], []

            def create_operator(self, ctx: Any, in_shapes: Any, in_dtypes: Any) -> Any:
                return operator(**self._options)

        mx.operator.register(name)(Properties)
        return operator

    return add
