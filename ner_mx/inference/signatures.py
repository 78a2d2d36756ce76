"""Signatures of bundles: Ed25519 in the files of minisign, so that ``minisign -V`` verifies them, too.

The format is that of https://jedisct1.github.io/minisign/, prehashed with
BLAKE2b; a secret key is a PEM file (PKCS #8) as ``openssl genpkey -algorithm
ed25519`` writes it.  The manifest is what is signed, and it has the hash of
every other file.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any, List, NamedTuple, Sequence

from ner_mx.errors import UserError, install

# The algorithm as keys and signatures name it.
_ALGORITHM, _PREHASHED_ALGORITHM = b"Ed", b"ED"
_UNTRUSTED, _TRUSTED = "untrusted comment: ", "trusted comment: "

SUFFIXES = (".key", ".pub")


class PublicKey(NamedTuple):
    """identifier : eight bytes that tell keys apart.  key : 32 bytes.  path : where it was read."""

    identifier: bytes
    key: bytes
    path: Path


def write_keys(path: Path) -> None:
    """Write a new pair of keys, ``NAME.key`` and ``NAME.pub``; the first can be read by its owner alone.

    Raises
    ------
    FileExistsError : one of them exists already.
    UserError : cryptography is not installed.
    """
    ed25519, serialization = _library()
    key = ed25519.Ed25519PrivateKey.generate()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                               serialization.NoEncryption())
    public = _UNTRUSTED + "public key of ner_mx\n" + base64.b64encode(
        _ALGORITHM + _identifier(_raw(key)) + _raw(key)).decode() + "\n"
    created: List[Path] = []
    try:
        for suffix, content, mode in zip(SUFFIXES, (secret, public.encode()), (0o600, 0o644)):
            file_path = path.with_name(path.name + suffix)
            descriptor = os.open(file_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            created.append(file_path)
            with open(descriptor, "wb") as file:
                file.write(content)
    except BaseException:
        for file_path in created:  # one key alone would be in the way of the next pair
            file_path.unlink()
        raise


def read_secret_key(path: Path) -> Any:
    """An Ed25519 key of a PEM file.

    Raises
    ------
    UserError : it is missing, encrypted or no such key, or cryptography is not installed.
    """
    ed25519, serialization = _library()
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise UserError(f"{path}: expected a secret key, found: {error.strerror}") from None
    except Exception:  # the library raises errors of several classes, which say more than one line
        key = None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise UserError(f"{path}: expected a secret Ed25519 key in PEM without a password, found something else; "
                        "ner-mx keys NAME makes a pair")
    return key


def read_public_key(path: Path) -> PublicKey:
    """A public key of minisign.

    Raises
    ------
    UserError : it is missing, or no such key.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        content = _decoded(lines[-1])
    except OSError as error:
        raise UserError(f"{path}: expected a public key, found: {error.strerror}") from None
    except (ValueError, IndexError):
        content = b""
    if len(content) != 42 or not content.startswith(_ALGORITHM):
        raise UserError(f"{path}: expected a public key of minisign, found something else; ner-mx keys NAME makes "
                        "a pair")
    return PublicKey(content[2:10], content[10:], path)


def sign(message: bytes, key: Any) -> bytes:
    """The content of a signature file.

    Parameters
    ----------
    key : of :func:`read_secret_key`.
    """
    comment = "bundle of ner_mx"
    signature = key.sign(hashlib.blake2b(message).digest())
    global_signature = key.sign(signature + comment.encode())
    return (f"{_UNTRUSTED}signature of ner_mx\n"
            f"{base64.b64encode(_PREHASHED_ALGORITHM + _identifier(_raw(key)) + signature).decode()}\n"
            f"{_TRUSTED}{comment}\n{base64.b64encode(global_signature).decode()}\n").encode()


def verify(message: bytes, signature: bytes, keys: Sequence[PublicKey]) -> None:
    """Check that one of the keys signed a message.

    Raises
    ------
    ValueError : none did.
    UserError : cryptography is not installed.
    """
    ed25519, _ = _library()
    from cryptography.exceptions import InvalidSignature

    try:
        lines = signature.decode("utf-8").split("\n")
        signed, global_signature = _decoded(lines[1]), _decoded(lines[3])
    except (ValueError, IndexError):
        raise ValueError("a damaged signature") from None
    if len(signed) != 74 or not signed.startswith(_PREHASHED_ALGORITHM) or not lines[2].startswith(_TRUSTED):
        raise ValueError("a signature in another format")
    for key in keys:
        if key.identifier != signed[2:10]:
            continue
        public = ed25519.Ed25519PublicKey.from_public_bytes(key.key)
        try:
            public.verify(signed[10:], hashlib.blake2b(message).digest())
            public.verify(global_signature, signed[10:] + lines[2][len(_TRUSTED):].encode())
            return
        except InvalidSignature:
            raise ValueError(f"a signature that does not fit the manifest and the key {key.path}") from None
    raise ValueError(f"one of the key {signed[2:10][::-1].hex().upper()}")


def _raw(key: Any) -> bytes:
    """The 32 bytes of the public key of a secret one."""
    content: bytes = key.public_key().public_bytes_raw()
    return content


def _identifier(public: bytes) -> bytes:
    """Eight bytes that tell keys apart; minisign draws them at random."""
    return hashlib.blake2b(public, digest_size=8).digest()


def _library() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise UserError(f'signatures need cryptography: {install("sign")}') from None
    return ed25519, serialization


def _decoded(line: str) -> bytes:
    """The bytes of base64.

    Raises
    ------
    ValueError : it is damaged, or not the only form of these bytes: the last character may have bits of no meaning.
    """
    content = base64.b64decode(line, validate=True)
    if base64.b64encode(content).decode() != line:
        raise ValueError("base64 in another form")
    return content
