"""A model without MXNet: an ONNX graph, a vocabulary, a configuration and arrays in a folder of plain files.

Nothing in a bundle is executed, whoever made it, and a part that does not fit
the others is an error when the bundle is read, not at the first text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Callable, Dict, List, Literal, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ner_mx.array_files import arrays_as_bytes, arrays_of
from ner_mx.config import Decoding, Features, Section, dump_yaml, features_schema, parse_yaml, validate_as
from ner_mx.config.choices import Extended, OneOf
from ner_mx.config.interfaces import TokenizerSettings
from ner_mx.config.migration import with_earlier_defaults
from ner_mx.config.section import default_section
from ner_mx.decoding.decoder import Decoder
from ner_mx.decoding.entity_rules import EntityRules
from ner_mx.decoding.scoring import MAX_SCORE
from ner_mx.errors import BundleError, ConfigError, UserError, first_line
from ner_mx.features.encoder import Encoder
from ner_mx.features.feature import Feature, TokenLookup
from ner_mx.inference.bundle_folder import (
    MANIFEST,
    REQUIRED,
    RULES,
    SIGNATURE,
    Content,
    manifest_of,
    read_folder,
    to_json,
    write_folder,
)
from ner_mx.inference.graph_check import check_graph, check_word_graph, sample_texts, sample_types
from ner_mx.inference.signatures import sign
from ner_mx.registry import register
from ner_mx.strict_json import parse_json
from ner_mx.untyped import Values

# The decoder computes with a score for each pair of tags.
MAX_TAGS = 4096
MAX_LABEL = 200
# The graph of the network that finds entities, and what follows the name of a network in that of its word types.
MODEL, WORDS = "model", ".words"
# Parsed lists take fifty times the memory of their text: they are counted before, with the words that are brackets.
MAX_BRACKETS = 200_000


class BundleConfig(Section):
    """The part of a configuration that using a model needs.

    learns_transitions : whether ``transitions.npz`` must be there.
    tokenizer : of raw text.
    """

    features: Annotated[Features, Extended(features_schema)] = default_section()
    decoding: Decoding = Decoding()
    split_digits: bool = False
    characters: Optional[Literal["vote", "first"]] = None
    learns_transitions: bool = False
    tokenizer: Annotated[TokenizerSettings, OneOf(register.tokenizer, "rules")] = default_section()


class BundledNetwork(NamedTuple):
    """A network of a bundle: the features that it reads, and the names of its classes."""

    features: List[Feature]
    classes: List[str]

    @property
    def has_words(self) -> bool:
        """Whether it reads features that depend on the word type alone, which have a graph of their own."""
        return any(feature.of_word_type for feature in self.features)


def networks_of(encoder: Encoder) -> Dict[str, BundledNetwork]:
    """By the names of their graphs: ``model``, and the taggers by the features that they predict.

    With ``.words`` after it, the name is that of the graph of the vectors of word types.
    """
    networks = {MODEL: BundledNetwork(encoder.features, encoder.tags)}
    for feature in encoder.predicted():
        assert isinstance(feature, TokenLookup)
        others = [other for other in encoder.features if other is not feature]
        networks[feature.name] = BundledNetwork(others, feature.vocabulary.items)
    return networks


class Bundle(NamedTuple):
    """A model and what it needs.

    graphs : serialized ONNX graphs by name, see :func:`networks_of`.
    transitions, start : learned scores, (K, K) and (K,), or None.
    temperature : what scores are divided by before they become probabilities.
    card : where the model comes from and how good it is, for people.
    rules : that change what the network finds; None for none.
    """

    config: BundleConfig
    encoder: Encoder
    graphs: Dict[str, bytes]
    transitions: Optional[np.ndarray]
    start: Optional[np.ndarray]
    temperature: float
    card: Values
    rules: Optional[EntityRules] = None

    def decoder(self) -> Decoder:
        """What turns the scores of the model into tags."""
        return Decoder(self.encoder.tags, self.config.decoding, self.transitions, self.start,
                       self.config.features.tag_encoding, self.temperature)


def write_bundle(bundle: Bundle, folder: Path, key: Any = None) -> None:
    """Write a bundle, atomically; an existing folder is replaced.

    Parameters
    ----------
    key : that signs it, see :func:`ner_mx.inference.signatures.read_secret_key`; None for no signature.

    Raises
    ------
    OSError : the folder cannot be written.
    """
    content = bundle_content(bundle)
    manifest = manifest_of(content)
    signature = {} if key is None else {SIGNATURE: sign(manifest, key)}
    write_folder({**content.files, MANIFEST: manifest, **signature}, folder)


def bundle_content(bundle: Bundle) -> Content:
    """The reverse of :func:`bundle_of_content`."""
    files = {"vocab.json": to_json(bundle.encoder.to_json()),
             "config.yaml": dump_yaml(bundle.config.model_dump(mode="json")).encode(),
             **{f"{name}.onnx": graph for name, graph in bundle.graphs.items()}}
    if bundle.transitions is not None and bundle.start is not None:
        files["transitions.npz"] = arrays_as_bytes({"transitions": bundle.transitions, "start": bundle.start})
    if bundle.rules is not None:
        files[RULES] = bundle.rules.content
    arrays = bundle.encoder.arrays()
    if arrays:
        files["features.npz"] = arrays_as_bytes(arrays)
    return Content(files, bundle.temperature, bundle.card)


def read_bundle(folder: Path, trusted: Optional[Sequence[Path]] = None) -> Bundle:
    """Read a bundle that :func:`write_bundle` wrote, and check every file of it.

    Parameters
    ----------
    trusted : files of public keys, one of which must have signed it; None asks for no signature.

    Raises
    ------
    BundleError : it is missing, incomplete, damaged, changed, of another format, or not signed by a trusted key.
    UserError : a key cannot be read, or cryptography is not installed.
    """
    return bundle_of_content(read_folder(folder, trusted), str(folder))


def bundle_of_content(content: Content, folder: str) -> Bundle:
    """A bundle from its files; its graphs are checked against its features and tags.

    Parameters
    ----------
    folder : for error messages.

    Raises
    ------
    BundleError : the files do not fit each other.
    """
    files = content.files
    try:
        values = parse_yaml(files["config.yaml"].decode(), "config.yaml")
        config = validate_as(BundleConfig, with_earlier_defaults(values), "config.yaml")
        vocabulary = files["vocab.json"]
        if vocabulary.count(b"[") + vocabulary.count(b"{") > MAX_BRACKETS:
            raise ValueError("a vocabulary of too many parts")
        state = parse_json(vocabulary)
        if set(state) - {"tags", "features"}:
            raise ValueError("a vocabulary with other keys than tags and features")
        encoder = Encoder.restore(config.features, state, _arrays(files, "features.npz"))
        _check_tags(encoder)
        transitions, start = _learned(files, config, len(encoder.tags))
        graphs = {f"{graph}.onnx": graph for name, network in networks_of(encoder).items()
                  for graph in (name, *[f"{name}{WORDS}"][:network.has_words])}
        _check_names(files, [*REQUIRED, *graphs, *["features.npz"][:bool(encoder.arrays())],
                             *["transitions.npz"][:config.learns_transitions], *[RULES][:RULES in files]])
        check_graphs(files, encoder)
        rules = EntityRules(files[RULES], config.tokenizer, RULES) if RULES in files else None
    except ConfigError as error:  # such as a feature whose module is not loaded
        raise BundleError(f"{folder}: expected a configuration that can be read, found: "
                          f"{first_line(error)}") from None
    except (UserError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"{folder}: expected a bundle whose files fit each other, found: {first_line(error)}; "
                          "export it again") from None
    return Bundle(config, encoder, {graph: files[file] for file, graph in graphs.items()}, transitions, start,
                  content.temperature, content.card, rules)


def _arrays(files: Mapping[str, bytes], name: str) -> Dict[str, np.ndarray]:
    try:
        return arrays_of(files[name]) if name in files else {}
    except ValueError as error:
        raise ValueError(f"{name} without numpy arrays ({error})") from None


def _check_tags(encoder: Encoder) -> None:
    if len(encoder.tags) > MAX_TAGS:
        raise ValueError(f"{len(encoder.tags):,} tags, more than {MAX_TAGS:,}")
    for label in encoder.entity_types:
        # They are columns of files, and are shown in terminals.
        if not label.isprintable() or len(label) > MAX_LABEL:
            raise ValueError(f"the entity type {label[:20]!r}, which is not printable or too long")


def _learned(files: Mapping[str, bytes], config: BundleConfig,
             size: int) -> Tuple[Optional[np.ndarray], Optional[np.ndarray]]:
    """The learned scores of transitions and of first tags, if the model has any."""
    if not config.learns_transitions:
        return None, None
    if "transitions.npz" not in files:
        raise ValueError("the model has learned transitions, but there is no transitions.npz")
    arrays = _arrays(files, "transitions.npz")
    found = {name: (array.shape, array.dtype.str) for name, array in arrays.items()}
    expected = {"transitions": ((size, size), "<f4"), "start": ((size,), "<f4")}
    if found != expected:
        raise ValueError(f"transitions of {size} tags as {found} instead of {expected}")
    if not all(np.abs(array).max() <= MAX_SCORE for array in arrays.values()):  # true for NaN, too
        raise ValueError("transitions that are too large, or not numbers")
    return arrays["transitions"], arrays["start"]


def _check_names(files: Mapping[str, bytes], expected: Sequence[str]) -> None:
    for name in expected:
        if name not in files:
            raise ValueError(f"the model needs {name}, but there is no such file")
    unexpected = sorted(set(files) - set(expected))
    if unexpected:
        raise ValueError(f"{unexpected[0]}, which the model does not need")


def check_graphs(files: Mapping[str, bytes], encoder: Encoder) -> None:
    """Check the graphs of a bundle, see :mod:`ner_mx.inference.graph_check`.

    Parameters
    ----------
    files : their contents by name.

    Raises
    ------
    ValueError : one is not that of a network with the features and tags of the encoder, or is too large.
    """
    texts, types = sample_texts(encoder), sample_types(encoder)
    for name, network in networks_of(encoder).items():
        words = f"{name}{WORDS}.onnx"
        width = _checked(words, check_word_graph, files[words], network.features, types) if network.has_words else 0
        _checked(f"{name}.onnx", check_graph, files[f"{name}.onnx"], network.features, texts, width,
                 len(network.classes))


def _checked(file: str, check: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return check(*arguments)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
