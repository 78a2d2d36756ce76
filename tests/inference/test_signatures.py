"""Signatures of bundles, compared with another implementation of minisign."""

import itertools
import shutil
import stat

import minisign
import pytest
from random_networks import build

from ner_mx.errors import BundleError, UserError
from ner_mx.inference import Tagger, signatures
from ner_mx.inference.bundle import write_bundle
from ner_mx.inference.exporting import bundle_of


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ours", "other"):
        signatures.write_keys(folder / name)
    return folder


@pytest.fixture(scope="module")
def signed(keys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("signed") / "bundle"
    recognizer, config = build()
    write_bundle(bundle_of(recognizer, config, {"data": {}, "seed": 1}), folder,
                 signatures.read_secret_key(keys / "ours.key"))
    return folder


def test_minisign_verifies_our_signatures_and_we_verify_those_of_minisign(keys, tmp_path):
    message = bytes(range(256)) * 9
    ours = signatures.sign(message, signatures.read_secret_key(keys / "ours.key"))
    minisign.PublicKey.from_file(keys / "ours.pub").verify(message, minisign.Signature.from_bytes(ours))
    with pytest.raises(minisign.VerifyError):
        minisign.PublicKey.from_file(keys / "other.pub").verify(message, minisign.Signature.from_bytes(ours))

    pair = minisign.KeyPair.generate()
    (tmp_path / "theirs.pub").write_bytes(bytes(pair.public_key))
    theirs = signatures.read_public_key(tmp_path / "theirs.pub")
    signatures.verify(message, bytes(pair.secret_key.sign(message, trusted_comment="a comment")), [theirs])


def test_any_changed_byte_of_a_signature_or_of_what_is_signed_is_refused(keys):
    message = b"a manifest"
    key = signatures.read_public_key(keys / "ours.pub")
    signature = signatures.sign(message, signatures.read_secret_key(keys / "ours.key"))
    signatures.verify(message, signature, [key])
    with pytest.raises(ValueError, match="does not fit the manifest"):
        signatures.verify(message + b"!", signature, [key])
    comment = signature.index(b"\n")  # the untrusted comment is not signed
    accepted = []
    for place, bit in itertools.product(range(comment + 1, len(signature) - 1), range(8)):
        changed = bytearray(signature)
        changed[place] ^= 1 << bit
        try:
            signatures.verify(message, bytes(changed), [key])
            accepted.append(place)
        except ValueError:
            pass
    assert accepted == []


def test_a_trusted_key_must_have_signed_the_bundle(keys, signed, tmp_path):
    Tagger.load(signed)
    assert Tagger.load(signed, trusted=[keys / "other.pub", keys / "ours.pub"]).labels
    with pytest.raises(BundleError, match="expected the signature of a trusted key, found one of the key [0-9A-F]{16}"):
        Tagger.load(signed, trusted=[keys / "other.pub"])
    with pytest.raises(BundleError, match="expected the signature of a trusted key"):
        Tagger.load(signed, trusted=[])
    copy = tmp_path / "copy"
    shutil.copytree(signed, copy)
    manifest = (copy / "manifest.json").read_text()
    (copy / "manifest.json").write_text(manifest.replace('"seed": 1', '"seed": 2'))
    Tagger.load(copy)
    with pytest.raises(BundleError, match="does not fit the manifest"):
        Tagger.load(copy, trusted=[keys / "ours.pub"])
    (copy / "manifest.json.minisig").unlink()
    with pytest.raises(BundleError, match=r"found no manifest.json.minisig; export it with --sign"):
        Tagger.load(copy, trusted=[keys / "ours.pub"])


def test_keys_are_written_once_and_the_secret_one_is_private(keys):
    assert stat.S_IMODE((keys / "ours.key").stat().st_mode) == 0o600
    before = (keys / "ours.key").read_bytes()
    with pytest.raises(FileExistsError):
        signatures.write_keys(keys / "ours")
    assert (keys / "ours.key").read_bytes() == before
    (keys / "half.pub").write_text("taken")
    with pytest.raises(FileExistsError):
        signatures.write_keys(keys / "half")
    assert not (keys / "half.key").exists() and (keys / "half.pub").read_text() == "taken"


@pytest.mark.parametrize("content", [b"", b"RWQ", b"untrusted comment: x\nAAAA\n", b"\xff\xfe", b"-----BEGIN"])
def test_a_file_that_is_no_key_is_an_error_of_one_line(tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    for read in (signatures.read_public_key, signatures.read_secret_key):
        with pytest.raises(UserError, match="key: expected a (public|secret)"):
            read(tmp_path / "key")
        with pytest.raises(UserError, match="expected a (public|secret) key, found: No such file"):
            read(tmp_path / "none")


def test_commands_sign_nothing_without_a_key_and_refuse_what_nobody_trusted_signed(signed, keys, tmp_path, run_command):
    made = run_command("-m", "ner_mx", "keys", tmp_path / "new")
    assert made.returncode == 0 and "keep it secret" in made.stdout
    again = run_command("-m", "ner_mx", "keys", tmp_path / "new")
    assert again.returncode == 2 and "new.key: expected the name of new keys, found existing ones" in again.stderr
    for options, code, problem in ((["--trusted", keys / "ours.pub"], 0, ""),
                                   (["--trusted", tmp_path / "new.pub"], 2, "expected the signature of a trusted key"),
                                   (["--trusted", tmp_path / "none"], 2, "expected a public key, found: No such file")):
        done = run_command("-m", "ner_mx", "predict", signed, "Ada left Rome.", *options)
        assert done.returncode == code and problem in done.stderr
    done = run_command("-m", "ner_mx", "predict", signed, "Ada", env={"NER_MX_TRUSTED": str(tmp_path / "new.pub")})
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    done = run_command("-m", "ner_mx", "predict", signed, "Ada", env={"NER_MX_TRUSTED": ""})
    assert done.returncode == 2 and "NER_MX_TRUSTED: expected the files of keys, found an empty variable" in done.stderr
