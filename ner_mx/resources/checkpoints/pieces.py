"""Words to pieces: WordPiece (BERT, DistilBERT, MPNet) and byte-level BPE (RoBERTa), by the library tokenizers.

What a tokenizer is made of is read from its files, and checked; the tokenizer
itself is built from these parts, here and where a bundle is read.  A
``tokenizer.json`` may hold patterns and other settings (MiniLM's truncates after
128 pieces), which have no effect.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, List, Literal, Optional, Tuple

from pydantic import ValidationError, model_validator

from ner_mx.config import Section
from ner_mx.data.text_files import read_lines, read_text
from ner_mx.errors import CorpusError, UserError, first_line, install, shown
from ner_mx.strict_json import parse_json

# The characters that BERT's tokenizer reads of a word; a longer one is unknown.
LONGEST_WORD = 100
_SURROGATE = re.compile("[\ud800-\udfff]")
# The keys of tokenizer_config.json that name the special pieces.
SPECIAL_KEYS = {"first": "cls_token", "last": "sep_token", "unknown": "unk_token"}


class Pieces(Section):
    """The vocabulary of an encoder, and how words are divided into its pieces.

    kind : ``word-pieces``, or ``byte-pairs`` with merges in the order of their rank.
    first, last : before and after a sentence.  unknown : of a word that has no other piece.
    lower, accents : whether words are lower-cased, and whether accents are kept; None for as ``lower`` says.
    chinese : whether each Chinese character is a word of its own.
    """

    kind: Literal["word-pieces", "byte-pairs"]
    vocabulary: List[str]
    merges: List[str] = []
    first: str
    last: str
    unknown: str
    lower: bool = False
    accents: Optional[bool] = None
    chinese: bool = True

    @model_validator(mode="after")
    def _usable(self) -> Pieces:
        if len(set(self.vocabulary)) != len(self.vocabulary):
            raise ValueError("a piece is duplicated")
        for name in (self.first, self.last, self.unknown):
            if name not in self.vocabulary:
                raise ValueError(f"expected the special piece {shown(name)} in the vocabulary, found nothing; is it "
                                 "the vocabulary of another tokenizer?")
        return self

    @cached_property
    def special_ids(self) -> Tuple[int, int, int]:
        """The ids of ``first``, ``last`` and ``unknown``."""
        first, last, unknown = (self.vocabulary.index(name) for name in (self.first, self.last, self.unknown))
        return first, last, unknown

    def ids(self, word: str) -> List[int]:
        """The ids of the pieces of a word, at least one.

        Raises
        ------
        UserError : tokenizers is not installed.
        """
        if _SURROGATE.search(word):  # half of a character, which the library does not take
            return [self.special_ids[2]]
        # Within a sentence, a word follows a space; BERT's tokenizer ignores it.
        ids: List[int] = self._tokenizer.encode(f" {word}", add_special_tokens=False).ids
        return ids or [self.special_ids[2]]

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
        except ImportError:
            raise UserError(f"an encoder's pieces need tokenizers; {install('encoders')}") from None
        ids = {piece: index for index, piece in enumerate(self.vocabulary)}
        if self.kind == "byte-pairs":
            try:
                tokenizer = Tokenizer(models.BPE(ids, [_pair(merge) for merge in self.merges]))
            except Exception as error:  # the library raises nothing narrower
                raise ValueError(first_line(error)) from None
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            return tokenizer
        tokenizer = Tokenizer(models.WordPiece(
            ids, unk_token=self.unknown, max_input_chars_per_word=LONGEST_WORD))
        tokenizer.normalizer = normalizers.BertNormalizer(
            clean_text=True, handle_chinese_chars=self.chinese, lowercase=self.lower,
            strip_accents=None if self.accents is None else not self.accents)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        return tokenizer


def _pair(merge: str) -> Tuple[str, str]:
    """The two parts of a merge.

    Raises
    ------
    ValueError : it has others.
    """
    parts = merge.split(" ")
    if len(parts) != 2 or not all(parts):
        raise ValueError(f"expected two pieces with a space between them, found the merge {shown(merge)}")
    return parts[0], parts[1]


def read_pieces(folder: Path, specials: Dict[str, str]) -> Pieces:
    """The pieces of a checkpoint folder.

    Parameters
    ----------
    specials : the special pieces of the family, by field of :class:`Pieces`, where the folder names no others.

    Raises
    ------
    CorpusError : its files are missing, damaged, or of another kind of tokenizer.
    """
    path = next((folder / name for name in ("tokenizer.json", "vocab.txt", "vocab.json") if (folder / name).is_file()),
                folder / "vocab.txt")
    read = {"tokenizer.json": _from_tokenizer_json, "vocab.txt": _from_word_list, "vocab.json": _from_merges}[path.name]
    try:
        pieces = Pieces.model_validate({**specials, **_named_specials(folder), **read(path)})
        pieces.ids("a")
        return pieces
    except (ValidationError, KeyError, TypeError, AttributeError, ValueError) as error:
        problem = f"expected the vocabulary of a tokenizer, found a damaged one: {first_line(error)}"
        if isinstance(error, ValidationError):
            problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise CorpusError(path, None, first_line(problem)) from None


def piece_files(folder: Path) -> List[Path]:
    """The files that :func:`read_pieces` reads."""
    names = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt")
    return [folder / name for name in names if (folder / name).is_file()]


def _settings(folder: Path) -> Dict[str, Any]:
    """What ``tokenizer_config.json`` says; empty without one.

    Raises
    ------
    CorpusError : it is damaged.
    """
    path = folder / "tokenizer_config.json"
    settings = _json(path) if path.is_file() else {}
    if not isinstance(settings, dict):
        raise CorpusError(path, None, f"expected a JSON object, found {shown(str(settings))}")
    return settings


def _normalization(settings: Dict[str, Any], lower: object, accents: object) -> Dict[str, Any]:
    """How BERT's words are normalized: by ``tokenizer_config.json``, and where it is silent, by what else is known.

    What the file says counts in the library transformers, too.

    Parameters
    ----------
    accents : whether they are removed, or None.
    """
    removed = settings.get("strip_accents", accents)
    return {"lower": settings.get("do_lower_case", lower), "accents": None if removed is None else not removed,
            "chinese": settings.get("tokenize_chinese_chars", True)}


def _named_specials(folder: Path) -> Dict[str, str]:
    """The special pieces that ``tokenizer_config.json`` names."""
    settings = _settings(folder)
    # Before version 5 of transformers, a name could be a mapping with its properties.
    named = {field: settings.get(key) for field, key in SPECIAL_KEYS.items()}
    named = {field: value.get("content") if isinstance(value, dict) else value for field, value in named.items()}
    return {field: value for field, value in named.items() if value is not None}


def _json(path: Path) -> Any:
    try:
        return parse_json(read_text(path, "utf-8", None, "JSON"))
    except ValueError as error:
        raise CorpusError(path, None, f"expected JSON, found: {first_line(error)}") from None


def _in_order(path: Path, vocabulary: Dict[str, int]) -> List[str]:
    """The pieces by id.

    Raises
    ------
    CorpusError : the ids are not 0, 1, 2, ...
    """
    pieces = sorted(vocabulary, key=lambda piece: vocabulary[piece])
    if [vocabulary[piece] for piece in pieces] != list(range(len(pieces))):
        raise CorpusError(path, None, "expected the ids 0, 1, 2, ... of pieces, found others")
    return pieces


def _from_tokenizer_json(path: Path) -> Dict[str, Any]:
    content = _json(path)
    model, added = content["model"], content.get("added_tokens") or []
    vocabulary = _in_order(path, {**model["vocab"], **{piece["content"]: piece["id"] for piece in added}})
    kind = model.get("type") or ("BPE" if "merges" in model else "WordPiece")
    normalizer = content.get("normalizer") or {}
    if kind == "WordPiece" and normalizer.get("type") in ("BertNormalizer", None):
        if model.get("continuing_subword_prefix", "##") != "##":
            raise CorpusError(path, None, "expected ## before the pieces inside of words, found "
                                          f"{shown(str(model['continuing_subword_prefix']))}")
        unknown = {"unknown": model["unk_token"]} if model.get("unk_token") else {}
        return {"kind": "word-pieces", "vocabulary": vocabulary, **unknown, **_normalization(
            _settings(path.parent), normalizer.get("lowercase", False), normalizer.get("strip_accents"))}
    if kind == "BPE" and not normalizer and (content.get("pre_tokenizer") or {}).get("type") == "ByteLevel":
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
        return {"kind": "byte-pairs", "vocabulary": vocabulary, "merges": merges}
    raise CorpusError(path, None, "expected a tokenizer of WordPiece (BERT's) or byte-level BPE (RoBERTa's), found "
                                  f"{shown(str(kind))} with the normalizer {shown(str(normalizer.get('type')))}")


def _from_word_list(path: Path) -> Dict[str, Any]:
    vocabulary = read_lines(path, "utf-8", None, "the pieces of a vocabulary")
    # Without a word on it, the pieces tell: those of an uncased vocabulary have no capitals.
    is_cased = any(piece != piece.lower() for piece in vocabulary if piece[:1] not in ("[", "<"))
    return {"kind": "word-pieces", "vocabulary": vocabulary,
            **_normalization(_settings(path.parent), not is_cased, None)}


def _from_merges(path: Path) -> Dict[str, Any]:
    merges = read_lines(path.parent / "merges.txt", "utf-8", None, "the merges of a tokenizer")
    return {"kind": "byte-pairs", "vocabulary": _in_order(path, _json(path)),
            "merges": [line for line in merges if line and not line.startswith("#version")]}
