"""A model without MXNet: a folder of plain files with a manifest of their hashes.

The hashes detect damage and files exchanged by mistake.  Whoever can write the
folder can write the manifest, too, so they are no signature; but nothing in a
bundle is executed, whoever made it: ONNX graphs of standard operators, arrays
without pickled objects, JSON, plain YAML.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Annotated, Any, Dict, Mapping, NamedTuple, Optional

import numpy as np

from ner_mx.config import Decoding, Features, Section, dump_yaml, features_schema, parse_yaml, validate_as
from ner_mx.config.choices import Extended, OneOf
from ner_mx.config.interfaces import TokenizerSettings
from ner_mx.config.section import default_section
from ner_mx.decoding.decoder import Decoder
from ner_mx.errors import BundleError, ConfigError, UserError
from ner_mx.features.encoder import Encoder
from ner_mx.files import replacing_folder
from ner_mx.registry import register
from ner_mx.untyped import ReadOnlyValues, Values

# Raised when older software would misread a new bundle.
FORMAT = 3
MANIFEST = "manifest.json"
REQUIRED = ("model.onnx", "vocab.json", "config.yaml")
OPTIONAL = ("transitions.npz", "features.npz")
_TAGGER = re.compile(r"[\w-]+\.onnx")


class BundleConfig(Section):
    """The part of a configuration that using a model needs.

    learns_transitions : whether ``transitions.npz`` must be there.
    tokenizer : of raw text.
    """

    features: Annotated[Features, Extended(features_schema)] = default_section()
    decoding: Decoding = Decoding()
    split_digits: bool = False
    learns_transitions: bool = False
    tokenizer: Annotated[TokenizerSettings, OneOf(register.tokenizer, "rules")] = default_section()


class Bundle(NamedTuple):
    """A model and what it needs.

    model : a serialized ONNX graph.  taggers : those that predict a feature, by its name.
    transitions, start : learned scores, (K, K) and (K,), or None.
    temperature : what scores are divided by before they become probabilities.
    card : where the model comes from and how good it is, for people.
    """

    config: BundleConfig
    encoder: Encoder
    model: bytes
    taggers: Dict[str, bytes]
    transitions: Optional[np.ndarray]
    start: Optional[np.ndarray]
    temperature: float
    card: Values

    def decoder(self) -> Decoder:
        """What turns the scores of the model into tags."""
        return Decoder(self.encoder.tags, self.config.decoding, self.transitions, self.start,
                       self.config.features.tag_encoding, self.temperature)


def is_bundle_file(name: str) -> bool:
    """Whether a file of this name may be in a bundle."""
    return name in (MANIFEST, *REQUIRED, *OPTIONAL) or _TAGGER.fullmatch(name) is not None


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write a bundle, atomically; an existing folder is replaced.

    Raises
    ------
    OSError : the folder cannot be written.
    """
    with replacing_folder(folder) as new:
        for name, content in bundle_files(bundle).items():
            (new / name).write_bytes(content)


def bundle_files(bundle: Bundle) -> Dict[str, bytes]:
    """The files of a bundle with the manifest, by name."""
    files = {"model.onnx": bundle.model, "vocab.json": _json(bundle.encoder.to_json()),
             "config.yaml": dump_yaml(bundle.config.model_dump(mode="json")).encode(),
             **{f"{name}.onnx": model for name, model in bundle.taggers.items()}}
    if bundle.transitions is not None and bundle.start is not None:
        files["transitions.npz"] = _npz({"transitions": bundle.transitions, "start": bundle.start})
    arrays = bundle.encoder.arrays()
    if arrays:
        files["features.npz"] = _npz(arrays)
    manifest = {"format": FORMAT, "files": {name: hashlib.sha256(content).hexdigest()
                                            for name, content in sorted(files.items())},
                "temperature": bundle.temperature, "card": bundle.card}
    return {**files, MANIFEST: _json(manifest)}


def is_bundle(folder: Path) -> bool:
    """Whether a folder claims to be a bundle."""
    return (folder / MANIFEST).is_file()


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle that :func:`write_bundle` wrote, and check every file of it.

    Raises
    ------
    BundleError : it is missing, incomplete, damaged, changed or of another format.
    """
    manifest = _manifest(folder)
    files = {name: _checked(folder / name, digest) for name, digest in manifest["files"].items()}
    return unpacked(files, manifest, str(folder))


def unpacked(files: Mapping[str, bytes], manifest: ReadOnlyValues, folder: str) -> Bundle:
    """A bundle from the contents of its files.

    Parameters
    ----------
    folder : for error messages.

    Raises
    ------
    BundleError : the files do not fit each other.
    """
    try:
        config = validate_as(BundleConfig, parse_yaml(files["config.yaml"].decode(), "config.yaml"),
                             "config.yaml")
        encoder = Encoder.restore(config.features, json.loads(files["vocab.json"]),
                                  _arrays(files.get("features.npz")))
        taggers = _taggers(encoder, files)
        learned = _arrays(files.get("transitions.npz"))
        if config.learns_transitions and not learned:
            raise ValueError("the model has learned transitions, but there is no transitions.npz")
        if learned:
            size = len(encoder.tags)
            shapes = [learned[name].shape for name in ("transitions", "start")]
            if shapes != [(size, size), (size,)]:
                raise ValueError(f"transitions of {size} tags have the shapes {shapes}")
    except ConfigError as error:  # such as a feature whose module is not loaded
        raise BundleError(f"{folder}: expected a configuration that can be read, found: {error}") from None
    except (UserError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{folder}: expected a bundle whose files fit each other, found: {error}; "
                          "export it again") from None
    return Bundle(config, encoder, files["model.onnx"], taggers, learned.get("transitions"),
                  learned.get("start"), manifest["temperature"], manifest["card"])


def _taggers(encoder: Encoder, files: Mapping[str, bytes]) -> Dict[str, bytes]:
    taggers = {}
    for feature in encoder.predicted():
        name = f"{feature.name}.onnx"
        if name not in files:
            raise ValueError(f"the model reads {feature.predicted_as}, but there is no {name}")
        taggers[feature.name] = files[name]
    return taggers


def _manifest(folder: Path) -> Values:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(f"{folder}: expected a bundle, found no {MANIFEST} in it; export a run to make "
                          "one") from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: expected JSON, found a damaged file ({error}); export it again") from None
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(number, int) and number != FORMAT:
        remedy = "upgrade ner-mx" if number > FORMAT else "export its run again with this version"
        raise BundleError(f"{path}: expected a bundle of format {FORMAT}, found {number}; {remedy}")
    files = manifest.get("files") if number == FORMAT else None
    temperature = manifest.get("temperature") if files else None
    if (not isinstance(files, dict) or not all(is_bundle_file(name) for name in files)
            or not isinstance(temperature, (int, float)) or not 0 < temperature < 1e6
            or not isinstance(manifest.get("card"), dict)):
        raise BundleError(f"{path}: expected a manifest of format {FORMAT}, found other keys or values; "
                          "export it again")
    missing = [name for name in REQUIRED if name not in files]
    if missing:
        raise BundleError(f"{path}: expected {', '.join(REQUIRED)}, found no {missing[0]}; export it again")
    return manifest


def _checked(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path}: expected a file of the bundle, found nothing; export it again") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise BundleError(f"{path}: expected the file that the manifest names, found a changed or damaged one "
                          "(its SHA-256 differs); export it again")
    return content


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode(
        "utf-8", "surrogatepass")


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _arrays(content: Optional[bytes]) -> Dict[str, np.ndarray]:
    if content is None:
        return {}
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # numpy raises zip, zlib, value and OS errors for damaged files
        raise ValueError(f"no numpy arrays ({error})") from None
