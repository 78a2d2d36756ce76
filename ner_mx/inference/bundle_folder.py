"""The folder of a bundle: which files belong to it, and how they are read from an untrusted one.

A manifest names every file with its SHA-256.  The hashes detect damage and
files exchanged by mistake; whoever can write the folder can write the
manifest, too, so that only a signature says who made it, see
:mod:`ner_mx.inference.signatures`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Optional, Sequence

from ner_mx.errors import BundleError, first_line
from ner_mx.files import replacing_folder
from ner_mx.strict_json import parse_json
from ner_mx.untyped import Values

# Raised when older software would misread a new bundle.
FORMAT = 4
MANIFEST, SIGNATURE = "manifest.json", "manifest.json.minisig"
REQUIRED = ("model.onnx", "vocab.json", "config.yaml")
RULES = "rules.jsonl"
OPTIONAL = ("transitions.npz", "features.npz", RULES)
_GRAPH = re.compile(r"[\w-]{1,64}(\.words)?\.onnx")

# The largest sizes of files in bytes; that of a model is the limit of its format.
LIMITS = {MANIFEST: 1 << 24, SIGNATURE: 1 << 12, "config.yaml": 1 << 16, "vocab.json": 1 << 27,
          "transitions.npz": 1 << 28, "features.npz": 1 << 30, RULES: 1 << 26}
MODEL_LIMIT = (1 << 31) - 1

# The range of temperatures, far beyond what is fitted.
TEMPERATURES = (0.01, 100.0)


class Content(NamedTuple):
    """What is in a folder.

    files : their contents by name, without the manifest.
    temperature, card : of the manifest, see :class:`ner_mx.inference.bundle.Bundle`.
    """

    files: Mapping[str, bytes]
    temperature: float
    card: Values


def is_bundle_file(name: str) -> bool:
    """Whether a file of this name may be in a bundle."""
    return name in (MANIFEST, SIGNATURE, *REQUIRED, *OPTIONAL) or _GRAPH.fullmatch(name) is not None


def is_bundle(folder: Path) -> bool:
    """Whether a folder claims to be a bundle."""
    return (folder / MANIFEST).is_file()


def manifest_of(content: Content) -> bytes:
    """The manifest of files."""
    return to_json({"format": FORMAT, "files": {name: hashlib.sha256(data).hexdigest()
                                                for name, data in sorted(content.files.items())},
                    "temperature": content.temperature, "card": content.card})


def to_json(value: Any) -> bytes:
    """JSON that people can read; words may hold lone surrogates."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode(
        "utf-8", "surrogatepass")


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files, atomically; an existing folder is replaced.

    Raises
    ------
    OSError : the folder cannot be written.
    """
    with replacing_folder(folder) as new:
        for name, content in files.items():
            (new / name).write_bytes(content)


def read_folder(folder: Path, trusted: Optional[Sequence[Path]] = None) -> Content:
    """Read the files of a bundle, in bounded memory, and compare them with the manifest.

    Parameters
    ----------
    trusted : files of public keys, one of which must have signed the manifest; None asks for no signature.

    Raises
    ------
    BundleError : it is missing, incomplete, damaged, changed, of another format, or not signed by a trusted key.
    UserError : a key cannot be read, or cryptography is not installed.
    """
    try:
        manifest = read_regular(folder / MANIFEST, LIMITS[MANIFEST])
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(f"{folder}: expected a bundle, found no {MANIFEST} in it; export a run to make "
                          "one") from None
    if trusted is not None:
        _check_signature(folder, manifest, trusted)
    values = parse_manifest(manifest, folder / MANIFEST)
    files = {name: _checked(folder / name, digest) for name, digest in values["files"].items()}
    return Content(files, float(values["temperature"]), values["card"])


def _check_signature(folder: Path, manifest: bytes, trusted: Sequence[Path]) -> None:
    from ner_mx.inference.signatures import read_public_key, verify

    keys = [read_public_key(path) for path in trusted]
    try:
        signature = read_regular(folder / SIGNATURE, LIMITS[SIGNATURE])
    except FileNotFoundError:
        raise BundleError(f"{folder}: expected a bundle that is signed by a trusted key, found no {SIGNATURE}; "
                          "export it with --sign") from None
    try:
        verify(manifest, signature, keys)
    except ValueError as error:
        raise BundleError(f"{folder / SIGNATURE}: expected the signature of a trusted key, found {error}; get the "
                          "bundle again from its source") from None


def parse_manifest(content: bytes, path: Path) -> Values:
    """The values of a manifest.

    Raises
    ------
    BundleError : it is damaged, of another format, or names other files than a bundle has.
    """
    try:
        manifest = parse_json(content)
        json.dumps(manifest, ensure_ascii=False).encode("utf-8")  # the service sends the card
    except ValueError as error:
        raise BundleError(f"{path}: expected JSON, found a damaged file ({first_line(error, 100)}); export it "
                          "again") from None
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(number, int) and number != FORMAT:
        remedy = "upgrade ner-mx" if number > FORMAT else "export its run again with this version"
        raise BundleError(f"{path}: expected a bundle of format {FORMAT}, found {str(number)[:20]}; {remedy}")
    files = manifest.get("files") if number == FORMAT else None
    temperature = manifest.get("temperature") if files else None
    if (not isinstance(files, dict) or not all(is_bundle_file(name) for name in files)
            or not {MANIFEST, SIGNATURE}.isdisjoint(files) or len(files) > 100
            or isinstance(temperature, bool) or not isinstance(temperature, (int, float))
            or not TEMPERATURES[0] <= temperature <= TEMPERATURES[1] or not isinstance(manifest.get("card"), dict)):
        raise BundleError(f"{path}: expected a manifest of format {FORMAT}, found other keys or values; "
                          "export it again")
    missing = [name for name in REQUIRED if name not in files]
    if missing:
        raise BundleError(f"{path}: expected {', '.join(REQUIRED)}, found no {missing[0]}; export it again")
    return dict(manifest)


def _checked(path: Path, digest: object) -> bytes:
    try:
        content = read_regular(path, LIMITS.get(path.name, MODEL_LIMIT))
    except FileNotFoundError:
        raise BundleError(f"{path}: expected a file of the bundle, found nothing; export it again") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise BundleError(f"{path}: expected the file that the manifest names, found a changed or damaged one "
                          "(its SHA-256 differs); export it again")
    return content


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most ``limit`` bytes.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
    BundleError : it is a link, a folder, a pipe or a device, is too large, or cannot be read.
    """
    # A pipe would wait for a writer. A link could lead out of the bundle.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        reason = "a link; copy the bundle with its links resolved" if path.is_symlink() else error.strerror
        raise BundleError(f"{path}: expected a file that can be read, found: {reason}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise BundleError(f"{path}: expected a regular file, found a folder, a pipe or a device")
    with open(descriptor, "rb") as file:
        if status.st_size > limit:
            raise BundleError(f"{path}: expected at most {limit:,} bytes, found {status.st_size:,}")
        return file.read(status.st_size)  # if it grows meanwhile, its hash is another
