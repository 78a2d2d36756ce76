"""Whether a graph is that of a tagger with certain features, and small enough to be run."""

from __future__ import annotations

import inspect
from dataclasses import replace
from itertools import cycle, islice, product
from typing import Dict, List, Sequence, Tuple

import numpy as np

from ner_mx.data.sentence import Sentence
from ner_mx.decoding.scoring import TOKENS, plan_scoring
from ner_mx.decoding.windows import LONGEST
from ner_mx.errors import ConfigError, first_line
from ner_mx.features.batch import WORD_VECTORS, Batch, collate
from ner_mx.features.encoded import Encoded
from ner_mx.features.encoder import Encoder
from ner_mx.features.feature import Feature
from ner_mx.inference.graph_memory import held_together, most_memory
from ner_mx.inference.onnx_file import MAX_RANK, ArrayType, Node, OnnxGraph, read_graph
from ner_mx.inference.onnx_operators import KNOWN, Array, Result
from ner_mx.inference.onnx_session import BATCH
from ner_mx.inference.type_vectors import TYPES
from ner_mx.registry import register

# The limits of a graph on each of the sample batches: bytes of one array, of those in memory at a time, of all that
# are written, and multiplications.  The network of the experiment conll2003 takes 1/41, 1/195, 1/5,000 and 1/2,000 of
# them, the vectors of its word types 2/5, 1/8, 1/200 and 1/100,000, an encoder as large as BERT-base 3/8, 3/7, 1/7
# and 1/6.
MAX_ARRAY, MAX_MEMORY, MAX_WRITTEN, MAX_MULTIPLICATIONS = 1 << 28, 1 << 32, 1 << 37, 1 << 42
# The operators of a graph at most: which arrays are in memory at a time takes as many bits squared.
MAX_OPERATORS = 4096
# The largest dimension of the vectors of word types, which are in memory for all types of a text at once.
MAX_WIDTH = 2048
# From constants alone, a graph may only restore weights that are stored in 8 or 16 bits.
CONSTANT_GROWTH, CONSTANT_BYTES = 10, 1 << 20

# Sentences and their tokens: for any batch, there is a sample with at least its sentences and its tokens, so that no
# array of the batch is larger than that of the sample, see known_integers() of the operators.  And a small one.
SAMPLES = (*((sentences, TOKENS // sentences) for sentences in range(TOKENS // LONGEST, BATCH + 1)), (1, 1))
# The characters of words in sentences, and of word types, which are longer in no text.
CHARACTERS, TYPE_CHARACTERS = 126, 999


def sample_texts(encoder: Encoder) -> List[Encoded]:
    """Sentences in the shapes of :data:`SAMPLES`."""
    words = cycle(_words(CHARACTERS))
    text = encoder.encode([Sentence(tuple(islice(words, LONGEST))) for _ in range(BATCH)])
    return [_part(text, sentences, tokens) for sentences, tokens in SAMPLES]


def sample_types(encoder: Encoder) -> Encoded:
    """As many word types as are read at once, and as long as they can be, each as a sentence."""
    return encoder.encode([Sentence((word,)) for word in _words(TYPE_CHARACTERS)])


def _words(characters: int) -> List[str]:
    return ["".join(letters) * (characters // 3) for letters in islice(product("abcdefgh", repeat=3), TYPES)]


def _part(text: Encoded, sentences: int, tokens: int) -> Encoded:
    """The first tokens of the first sentences."""
    chosen = (text.bounds[:sentences, None] + np.arange(tokens)).reshape(-1)
    return replace(text, word_type=text.word_type[chosen], tags=text.tags[chosen],
                   bounds=np.arange(sentences + 1) * tokens,
                   by_token={name: array[chosen] for name, array in text.by_token.items()})


def check_word_graph(model: bytes, features: Sequence[Feature], types: Encoded) -> int:
    """Check the serialized graph of the vectors of word types without running it; returns their dimension.

    Parameters
    ----------
    features : of the network; those that depend on the word type alone must be read by the graph.
    types : see :func:`sample_types`.

    Raises
    ------
    ValueError : as :func:`check_graph`.
    """
    graph, read = read_graph(model), [feature for feature in features if feature.of_word_type]
    batch = collate(read, types, np.arange(len(types)))
    vectors = _checked_output(graph, read, batch, "vectors", _held_together(graph))
    if vectors.shape[:2] != _shape(batch) or len(vectors.shape) != 3 or not vectors.shape[2]:
        raise ValueError(f"vectors of the shape {vectors.shape} for {_shape(batch)} tokens")
    if vectors.shape[2] > MAX_WIDTH:
        raise ValueError(f"vectors of {vectors.shape[2]:,} dimensions for a word, more than {MAX_WIDTH:,}")
    return vectors.shape[2]


def check_graph(model: bytes, features: Sequence[Feature], texts: Sequence[Encoded], width: int,
                classes: int) -> None:
    """Check a serialized graph without running it.

    Parameters
    ----------
    features : that the graph must read; those that depend on the word type alone, as vectors.
    texts : see :func:`sample_texts`.
    width : of the vectors of word types; 0 without any.
    classes : the number of scores for each token.

    Raises
    ------
    ValueError : the graph reads other features, has tables of other sizes, gives other scores, uses an operator
        that is not registered, or would take too much time or memory.
    """
    graph, read = read_graph(model), [feature for feature in features if not feature.of_word_type]
    if width and (WORD_VECTORS not in graph.inputs or graph.inputs[WORD_VECTORS].shape[2:] != (width,)):
        raise ValueError(f"a model that does not read {WORD_VECTORS} of the dimension {width}")
    together = _held_together(graph)
    for text in texts:
        if width:
            text = replace(text, word_vectors=np.zeros((len(text.text.lengths), width), np.float32))
        # The largest batch that text of this shape is divided into.
        batch = collate(read, text, next(plan_scoring(read, text, len(text))))
        scores = _checked_output(graph, read, batch, "emissions", together)
        if scores.shape != (*_shape(batch), classes):
            raise ValueError(f"scores of the shape {scores.shape} instead of {(*_shape(batch), classes)}")


def _shape(batch: Batch) -> Tuple[int, int]:
    """T and N."""
    return int(batch.length.max()), len(batch.length)


def _held_together(graph: OnnxGraph) -> np.ndarray:
    """See :func:`held_together`."""
    if len(graph.nodes) > MAX_OPERATORS:
        raise ValueError(f"a model of {len(graph.nodes):,} operators, more than {MAX_OPERATORS:,}")
    return held_together(graph.nodes, graph.outputs)


def _checked_output(graph: OnnxGraph, features: Sequence[Feature], batch: Batch, output: str,
                    together: np.ndarray) -> Array:
    """The only output of a graph on a batch."""
    arrays = {name: Array(values.dtype, values.shape, values if values.size <= KNOWN else None, constant=True)
              for name, values in graph.constants.items()}
    tables = _tables(graph, features, batch)
    for name, declared in graph.inputs.items():
        arrays[name] = _input(name, declared, batch, arrays)._replace(table=tables.get(name))
    arrays = _computed(graph.nodes, arrays, together)
    if list(graph.outputs) != [output] or output not in arrays:
        raise ValueError(f"a model with the outputs {', '.join(graph.outputs)} instead of {output}")
    if arrays[output].dtype != np.float32:
        raise ValueError(f"{output} of the type {arrays[output].dtype} instead of float32")
    return arrays[output]


def _input(name: str, declared: ArrayType, batch: Batch, constants: Dict[str, Array]) -> Array:
    if name in constants:
        raise ValueError(f"an input {name} that is a constant, too")
    if name != "length" and name not in batch.arrays:
        raise ValueError(f"a model that reads {name}, which no feature of the configuration gives")
    values = batch[name]
    fits = len(declared.shape) == values.ndim and all(
        isinstance(size, str) or size == found for size, found in zip(declared.shape, values.shape))
    if declared.dtype != values.dtype or not fits:
        raise ValueError(f"an input {name} of {declared.dtype} {declared.shape}, which the features give as "
                         f"{values.dtype} {values.shape}")
    return Array(values.dtype, values.shape)


def _tables(graph: OnnxGraph, features: Sequence[Feature], batch: Batch) -> Dict[str, Tuple[int, ...]]:
    tables: Dict[str, Tuple[int, ...]] = {}
    for feature in features:
        found = feature.tables(batch)
        unread = [name for name in found if name not in graph.inputs]
        if unread:
            raise ValueError(f"a model that does not read {unread[0]}, although the configuration has the feature "
                             f"{feature.name}")
        tables.update(found)
    return tables


def _computed(nodes: Sequence[Node], arrays: Dict[str, Array], together: np.ndarray) -> Dict[str, Array]:
    """The arrays of the graph by name, computed by the rules of its operators; ``together``: see held_together()."""
    arrays = dict(arrays)
    multiplications = constants = 0
    written = np.zeros(len(nodes), np.int64)
    most = CONSTANT_BYTES + CONSTANT_GROWTH * sum(array.bytes for array in arrays.values() if array.constant)
    for number, node in enumerate(nodes):
        result = _outputs(node, arrays)
        if len(result.arrays) != len(node.outputs) or any(name in arrays or not name for name in node.outputs):
            raise ValueError(f"an operator {node.operator} with the outputs {node.outputs[:4]}")
        arrays.update(zip(node.outputs, result.arrays))
        for array in result.arrays:
            if not array.constant and array.bytes > MAX_ARRAY or len(array.shape) > MAX_RANK:
                raise ValueError(f"an operator {node.operator} with an output of the shape "
                                 f"{array.shape[:MAX_RANK + 1]}, which is too large")
            constants += array.bytes if array.constant else 0
            written[number] += 0 if array.constant else array.bytes
        multiplications += result.multiplications
        if multiplications > MAX_MULTIPLICATIONS or constants > most:
            raise ValueError("a model that takes too much time or memory for each batch")
    if written.sum() > MAX_WRITTEN:
        raise ValueError("a model that takes too much time for each batch")
    if most_memory(together, written) > MAX_MEMORY:
        raise ValueError("a model that takes too much memory for each batch")
    return arrays


def _outputs(node: Node, arrays: Dict[str, Array]) -> Result:
    try:
        rule = register.operator[node.operator]
    except ConfigError as error:
        raise ValueError(f"the ONNX operator {node.operator!r}: {error}") from None
    missing = [name for name in node.inputs if name not in arrays]
    if missing:
        raise ValueError(f"an operator {node.operator} that reads {missing[0]!r}, which no earlier operator gives")
    inputs = [arrays[name] for name in node.inputs]
    try:
        inspect.signature(rule).bind(node, *inputs)
    except TypeError:
        raise ValueError(f"an operator {node.operator} with {len(inputs)} inputs") from None
    try:
        result: Result = rule(node, *inputs)
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"an operator {node.operator}: {first_line(error)}") from None
    return result
