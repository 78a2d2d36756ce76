"""What an entry of each registry has to provide, where the entry is a section of the configuration.

``config.training.schedule`` is the chosen schedule itself: a section with the
keys that belong to it and the methods below.  Nothing here imports MXNet;
methods that need it import it when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Dict, Iterator, List, Literal, Optional, Sequence, Union

import numpy as np
from pydantic import Field

from ner_mx.config.section import RESULT, Section

if TYPE_CHECKING:
    from ner_mx.features.batch import Batch
    from ner_mx.models.embedders import Embedder


class TokenizerSettings(Section):
    """The keys that every tokenizer has.

    language : whose abbreviations do not end a sentence.
    lines : which line ends are borders of sentences: those of lists, headings and tables (``auto``), all
        (``sentence``), or only empty lines (``join``).
    """

    name: ClassVar[str]
    decides: ClassVar[Optional[str]] = "features"

    language: str = Field("en", pattern=r"^[a-z]{2,8}$")
    lines: Literal["auto", "sentence", "join"] = "auto"

    def sentences(self, text: str) -> List[Any]:
        """The tokens of a text by sentence, see :class:`ner_mx.data.tokenizers.Token`."""
        raise NotImplementedError

    def iter_sentences(self, text: str) -> Iterator[Any]:
        """The same one after the other."""
        raise NotImplementedError

    def split(self, tokens: List[Any], text: str) -> List[Any]:
        """Tokens of a text that are given, by sentence."""
        raise NotImplementedError


class FeatureSettings(Section):
    """The keys that every feature has.

    use : whether models read the feature; some features decide by the corpus (``auto``).
    """

    decides: ClassVar[Optional[str]] = "features"
    use: Union[bool, Literal["auto"]] = True

    def active(self) -> bool:
        """Whether the feature is used, and has something to be computed from."""
        return bool(self.use)


class LookupSettings(FeatureSettings):
    """The keys of a feature that is looked up in a table.

    dimension : of the vectors in the table.
    """

    dimension: Annotated[int, RESULT] = Field(8, ge=1)


class ModelSettings(Section):
    """A model: the keys of its section, its network, and the same network as an ONNX graph."""

    name: ClassVar[str]

    def network(self, embedders: Sequence[Embedder], classes: int) -> Any:
        """The network as a Gluon ``HybridBlock``.

        Returns
        -------
        A block with an attribute ``inputs``, the names of the arrays that it is called with, in
        order: arrays of a batch and those that :meth:`collate` adds.  A call returns
        the emissions, (T, N, classes).
        """
        raise NotImplementedError

    def collate(self, batch: Batch) -> Dict[str, np.ndarray]:
        """The arrays that the network needs beside those of the features; none by default."""
        return {}

    def export(self, embedders: Sequence[Embedder], parameters: Dict[str, np.ndarray]) -> Any:
        """The network as an ``onnx.ModelProto``.

        It reads features through :func:`ner_mx.models.layers.onnx_layers.embedded`: those that depend on the word
        type alone have a graph of their own.

        Parameters
        ----------
        parameters : by name, as :meth:`ner_mx.training.trainable.Trainable.network_parameters` gives them.
        """
        raise NotImplementedError

    def auxiliary(self, units: int) -> ModelSettings:
        """The model for a small tagger beside this one, with so many units where it has units."""
        return self


class LossSettings(Section):
    """A loss.

    learns_from_teachers : whether the loss reads the probabilities of teachers, see :mod:`ner_mx.distillation`.
    """

    name: ClassVar[str]
    learns_from_teachers: ClassVar[bool] = False

    @property
    def learns_transitions(self) -> bool:
        """Whether the loss has parameters for transitions between tags, which the decoder then uses."""
        return False

    def build(self, classes: Sequence[str], counts: np.ndarray) -> Any:
        """The loss as a Gluon block with a method ``heads``, see :mod:`ner_mx.models.losses`.

        Parameters
        ----------
        classes : the names of the K classes.
        counts : (K,) training tokens by class.
        """
        raise NotImplementedError


class OptimizerSettings(Section):
    """An optimizer, with the keys that all of them have."""

    name: ClassVar[str]
    learning_rate: float = Field(0.003, gt=0)
    weight_decay: float = Field(0.0, ge=0)

    def build(self) -> Any:
        """The optimizer as an ``mx.optimizer.Optimizer``."""
        raise NotImplementedError


class ScheduleSettings(Section):
    """A learning-rate schedule.

    warmup : steps over which the learning rate rises linearly from 0; below 1, the share of all steps.

    Attributes
    ----------
    depends_on_length : whether :meth:`factor` depends on the number of epochs, so that a run cannot be
        resumed with another number.
    """

    name: ClassVar[str]
    depends_on_length: ClassVar[bool] = True
    warmup: Union[int, float] = Field(0, ge=0)

    def needs_length(self) -> bool:
        """Whether the factor at a step depends on the number of epochs."""
        return self.depends_on_length or 0 < self.warmup < 1

    def factor(self, done: float, epoch: int) -> float:
        """What the learning rate is multiplied by.

        Parameters
        ----------
        done : the share of all steps that are done, from 0 to 1.
        epoch : complete epochs.
        """
        raise NotImplementedError

    def factor_at(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """:meth:`factor` at a step, counted from 0 over all epochs, with the warm-up."""
        total = steps_per_epoch * epochs
        rising = self.warmup * total if self.warmup < 1 else self.warmup
        warm = min(1.0, (step + 1) / rising) if rising else 1.0
        return warm * self.factor(min(1.0, step / total), step // steps_per_epoch)


class CallbackSettings(Section):
    """The keys of a callback; a callback without keys needs no class of its own."""
