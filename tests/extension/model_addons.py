"""A second module of a user's own: an embedder, a model, a loss, an optimizer, a schedule, a callback.

It imports no MXNet until something is built, so a bundle can load it where there is none.
"""

import numpy as np
from pydantic import Field

from ner_mx.config import CallbackSettings, LossSettings, ModelSettings, OptimizerSettings, ScheduleSettings
from ner_mx.inference.onnx_operators import Result, read_attributes
from ner_mx.models.embedders import Embedder
from ner_mx.registry import register
from ner_mx.training.callbacks import Callback


@register.embedder("length_of_word")
class LengthEmbedder(Embedder):
    """A vector that is proportional to the number."""

    @property
    def inputs(self):
        return [self.feature.name]

    @property
    def dimension(self):
        return self.feature.settings.dimension

    def block(self):
        from ner_mx.compat import mx

        dimension = self.dimension

        class Scaled(mx.gluon.HybridBlock):
            def __init__(self):
                super().__init__()
                with self.name_scope():
                    self.direction = self.params.get("direction", shape=(1, dimension), init=mx.init.Normal(0.1))

            def hybrid_forward(self, F, numbers, direction):
                numbers = F.cast(numbers, "float32").expand_dims(axis=2) / 10.0  # (T, N, 1)
                return F.broadcast_mul(numbers, direction.expand_dims(axis=0))

        return Scaled()

    def export(self, graph, parameters):
        numbers = graph.add("Cast", graph.input(self.feature.name), to=1)
        numbers = graph.add("Unsqueeze", numbers, graph.constant(np.array([2])))
        return graph.add("MatMul", numbers, graph.constant(parameters["direction"] / 10.0))


@register.operator("Sigmoid")
def sigmoid(node, values):
    """Allows the operator in bundles; its output has the shape of its input."""
    read_attributes(node)
    return Result([values._replace(known=None)])


@register.model("two-layer")
class TwoLayer(ModelSettings):
    """A hidden layer per token; it sees no other token.

    hidden : units of the layer.
    """

    hidden: int = Field(20, ge=1)

    def network(self, embedders, classes):
        from ner_mx.compat import mx
        from ner_mx.models.layers.embedding_layer import EmbeddingLayer, linear

        hidden = self.hidden

        class Network(EmbeddingLayer):
            def __init__(self):
                super().__init__(embedders, [])
                with self.name_scope():
                    self.hidden = mx.gluon.nn.Dense(hidden, activation="sigmoid", flatten=False,
                                                    in_units=self.dimension)
                    self.out = linear(hidden, classes)

            def scores(self, F, vectors, others):
                return self.out(self.hidden(vectors))

        return Network()

    def export(self, embedders, parameters):
        from ner_mx.models.layers.onnx_graph import Graph
        from ner_mx.models.layers.onnx_layers import embedded

        graph = Graph()
        vectors = embedded(graph, embedders, parameters)
        hidden = graph.add("Sigmoid", graph.linear(vectors, parameters["hidden.weight"], parameters["hidden.bias"]))
        bias = parameters["out.bias"]
        return graph.model(graph.linear(hidden, parameters["out.weight"], bias), len(bias))


@register.loss("halved")
class Halved(LossSettings):
    """Half of the cross-entropy."""

    def build(self, classes, counts):
        from ner_mx.models.layers.loss_blocks import CrossEntropyBlock

        return CrossEntropyBlock(np.full(len(classes), 0.5, np.float32))


@register.optimizer("sign")
class Sign(OptimizerSettings):
    """Steps of one length in the direction of the sign of the gradient."""

    def build(self):
        from ner_mx.compat import mx

        return mx.optimizer.Signum(learning_rate=self.learning_rate, momentum=0.0)


@register.schedule("halving")
class Halving(ScheduleSettings):
    """every : epochs after which the rate is halved."""

    every: int = Field(2, ge=1)

    def factor(self, done, epoch):
        return 0.5 ** (epoch // self.every)


class NoteSettings(CallbackSettings):
    """file : where notes are written, in the folder of the run."""

    file: str = "notes.txt"


@register.callback("notes")
class Notes(Callback):
    """One line per event."""

    Settings = NoteSettings

    def _note(self, run, text):
        with open(run.folder / self.settings.file, "a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    def on_start(self, run):
        self._note(run, f"start after {run.state.epoch}")

    def on_epoch(self, run, record):
        self._note(run, f"epoch {record['epoch']} rate {record['learning_rate']:.5f}")

    def on_end(self, run):
        self._note(run, "end")
