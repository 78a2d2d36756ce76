"""What a network is where MXNet is not: a folder of plain files with a manifest that vouches for them.

The manifest's hashes find damage and files exchanged by mistake.  Whoever can
write the folder can write the manifest, too, so they are no signature; but
nothing in a bundle is executed, whoever made it: ONNX graphs of standard
operators, arrays without pickled objects, JSON, plain YAML.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

import numpy as np

from ner_mx.config import Config, parse_yaml, validate
from ner_mx.decoding.decoder import Decoder
from ner_mx.errors import BundleError, UserError
from ner_mx.features.encoder import Encoder
from ner_mx.features.lexicon_files import from_arrays, to_arrays
from ner_mx.files import replacing_folder

# Raised when a bundle of now would be misread by the software of then.
FORMAT = 1
MANIFEST = "manifest.json"
REQUIRED = ("model.onnx", "vocab.json", "config.yaml")
OPTIONAL = ("pos.onnx", "transitions.npz", "lexicons.npz")


class Bundle(NamedTuple):
    """A network and what it needs.

    model, pos_model : serialised ONNX graphs; the second tags parts of speech
        for a network that reads them.
    transitions, start : (K, K) and (K,) learnt scores, or None.
    temperature : what the scores are divided by before they become probabilities.
    card : where the network comes from and how good it is, for people.
    """

    config: Config
    encoder: Encoder
    model: bytes
    pos_model: Optional[bytes]
    transitions: Optional[np.ndarray]
    start: Optional[np.ndarray]
    temperature: float
    card: Dict[str, Any]

    def decoder(self) -> Decoder:
        """What turns the entity network's scores into tags."""
        return Decoder(self.encoder.tags, self.config.decoding, self.transitions, self.start,
                       temperature=self.temperature)


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write a bundle, whole or not at all; what stands in its place goes.

    Raises
    ------
    OSError : the folder cannot be written.
    """
    files = {"model.onnx": bundle.model, "config.yaml": bundle.config.to_yaml().encode(),
             "vocab.json": _json(bundle.encoder.to_json())}
    if bundle.pos_model is not None:
        files["pos.onnx"] = bundle.pos_model
    if bundle.transitions is not None and bundle.start is not None:
        files["transitions.npz"] = _npz({"transitions": bundle.transitions, "start": bundle.start})
    if bundle.encoder.lexicons:
        files["lexicons.npz"] = _npz(to_arrays(bundle.encoder.lexicons))
    manifest = {"format": FORMAT, "files": {name: hashlib.sha256(content).hexdigest()
                                            for name, content in sorted(files.items())},
                "temperature": bundle.temperature, "card": bundle.card}
    with replacing_folder(folder) as new:
        for name, content in files.items():
            (new / name).write_bytes(content)
        (new / MANIFEST).write_bytes(_json(manifest))


def is_bundle(folder: Path) -> bool:
    """Whether a folder says of itself that it is a bundle."""
    return (folder / MANIFEST).is_file()


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle that :func:`write_bundle` wrote, and check every file of it.

    Raises
    ------
    BundleError : it is missing, incomplete, damaged, changed or of a newer format.
    """
    manifest = _manifest(folder)
    files = {name: _checked(folder / name, digest) for name, digest in manifest["files"].items()}
    try:
        config = validate(parse_yaml(files["config.yaml"].decode(), f"{folder / 'config.yaml'}"),
                          f"{folder / 'config.yaml'}")
        lexicons = from_arrays(_arrays(files.get("lexicons.npz")))
        encoder = Encoder.from_json(config.features, json.loads(files["vocab.json"]), lexicons)
        learnt = _arrays(files.get("transitions.npz"))
        if learnt or config.loss.name == "sentence":
            size = len(encoder.tags)
            shapes = [learnt[name].shape for name in ("transitions", "start")]
            if shapes != [(size, size), (size,)]:
                raise ValueError(f"transitions of {size} tags have the shapes {shapes}")
        if config.features.pos.use and "pos.onnx" not in files:
            raise ValueError("the network reads parts of speech, and there is no pos.onnx")
        if len(lexicons) and {one.source for one in lexicons} != set(config.features.lexicons):
            raise ValueError("the lexicons are others than the configuration's")
    except (UserError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{folder}: expected a bundle whose files fit each other, found: {error}; "
                          "export it anew") from None
    return Bundle(config, encoder, files["model.onnx"], files.get("pos.onnx"), learnt.get("transitions"),
                  learnt.get("start"), manifest["temperature"], manifest["card"])


def _manifest(folder: Path) -> Dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(f"{folder}: expected a bundle, found no {MANIFEST} in it; make one with "
                          "ner-mx export RUN DIR") from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: expected JSON, found damage ({error}); export it anew") from None
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise BundleError(f"{path}: expected a bundle of format {FORMAT} or older, found {number}; "
                          "upgrade ner-mx")
    files = manifest.get("files") if number == FORMAT else None
    temperature = manifest.get("temperature") if files else None
    if (not isinstance(files, dict) or set(files) - {*REQUIRED, *OPTIONAL}
            or not isinstance(temperature, (int, float)) or not 0 < temperature < 1e6
            or not isinstance(manifest.get("card"), dict)):
        raise BundleError(f"{path}: expected a manifest of format {FORMAT}, found other keys or values; "
                          "export it anew")
    missing = [name for name in REQUIRED if name not in files]
    if missing:
        raise BundleError(f"{path}: expected {', '.join(REQUIRED)}, found no {missing[0]}; export it anew")
    return manifest


def _checked(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path}: expected a file of the bundle, found none; export it anew") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise BundleError(f"{path}: expected the file that the manifest names, found another or damage "
                          "(its SHA-256 differs); export it anew")
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
    except Exception as error:  # numpy raises zip, zlib, value and OS errors for one damaged file
        raise ValueError(f"no numpy arrays ({error})") from None


def entity_types(encoder: Encoder) -> List[str]:
    """The types that a network knows, in order."""
    return sorted({tag.partition("-")[2] for tag in encoder.tags} - {""})
