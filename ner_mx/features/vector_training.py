"""Word vectors of one's own, learnt from raw text: what ``ner-mx vectors`` does.

The text is brought to the form in which the network will look words up (the
same tokens, case and digits) and handed to gensim's word2vec (Mikolov et al.
2013) or fastText (Bojanowski et al. 2017).
"""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence

from tqdm import tqdm

from ner_mx import __version__
from ner_mx.config import Features
from ner_mx.corpora.packing import SUFFIXES, opened
from ner_mx.corpora.splits import Parts
from ner_mx.corpora.tokenizer import tokenize
from ner_mx.errors import ConfigError, CorpusError, RunError, UserError, install
from ner_mx.features.vectors import HOW_FOUND, find, how_found
from ner_mx.features.words import normal_form
from ner_mx.files import replacing, sha256, write_json

# gensim cuts what is longer, at ten times this.
LONGEST_LINE = 1000


class Settings(NamedTuple):
    """How vectors are learnt.

    method : ``skip-gram``, ``cbow`` or ``fasttext`` (skip-gram with the n-grams
        of characters).
    window : the most words to each side that are predicted.
    negative : noise words for each true one.
    workers : threads; with more than one the result differs from run to run.
    """

    method: str = "skip-gram"
    dimension: int = 50
    window: int = 5
    negative: int = 5
    min_count: int = 5
    epochs: int = 5
    workers: int = 1
    seed: int = 1


class Learnt(NamedTuple):
    """What was learnt: the words, commonest first; the size of the text and of a vector; and
    for each of some words its nearest ones with their cosine."""

    words: List[str]
    tokens: int
    dimension: int
    neighbours: Dict[str, List[Any]]


METHODS = ("skip-gram", "cbow", "fasttext")


def train_vectors(texts: Sequence[Path], output: Path, features: Features, settings: Settings,
                  overwrite: bool = False) -> Learnt:
    """Learn vectors from files of text and write them in word2vec's text format.

    Parameters
    ----------
    texts : files with a sentence or a paragraph a line, UTF-8, plain or packed
        (.gz, .bz2, .xz, .zst); they are streamed.
    output : the file of vectors; what made it is told in ``OUTPUT.json``.
    features : gives the form of words (digits, case).
    overwrite : whether earlier vectors of the name may go, when the new ones are complete.

    Raises
    ------
    CorpusError : a file is missing, is not UTF-8, is damaged or has no text.
    UserError : gensim is missing, or no word is frequent enough.
    RunError : in the place of ``output`` stands something that must not go.
    """
    gensim = _gensim()
    _check(settings)
    _check_place(texts, output, overwrite)
    sources = {str(path): _digest(path) for path in texts}
    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
        tokenized = Path(folder) / "text"
        tokens = _tokenize(texts, tokenized, features)
        model = _learn(gensim, tokenized, settings)
    vectors = model.wv
    with replacing(output) as temporary:
        vectors.save_word2vec_format(str(temporary), binary=False)
    write_json(told_of(output), {
        "version": __version__, "gensim": gensim.__version__, "settings": settings._asdict(),
        "digits": features.digits, "lower": features.words.lower, "tokens": tokens,
        "words": len(vectors), "sources": sources})
    return Learnt(list(vectors.index_to_key), tokens, vectors.vector_size, _neighbours(vectors))


def told_of(output: Path) -> Path:
    """The file beside vectors that says what made them."""
    return output.with_name(f"{output.name}.json")


def _check_place(texts: Sequence[Path], output: Path, overwrite: bool) -> None:
    """Refuse before hours of learning what cannot, or must not, be written.

    Raises
    ------
    UserError, RunError
    """
    if output.suffix in (".bin", *SUFFIXES):
        raise UserError(f"{output}: expected the name of a file of text, as it will be written and read, "
                        f"found {output.suffix}; leave that out")
    places = (output, told_of(output))
    for text in texts:
        if text.resolve() in [place.resolve() for place in places]:
            raise UserError(f"{text}: expected to be read, found to be written, too; choose another --output")
    for place in places:
        if place.is_dir():
            raise UserError(f"{place}: expected the name of a file, found a folder; choose another --output")
        if place.exists() and not overwrite:
            raise RunError(f"{place}: stands already; choose another --output, or give --overwrite")


def _check(settings: Settings) -> None:
    """Refuse what gensim would crash on or take without a word.

    Raises
    ------
    ConfigError
    """
    if settings.method not in METHODS:
        raise ConfigError(f"--method: expected one of {', '.join(METHODS)}, found {settings.method!r}")
    for name in ("dimension", "window", "negative", "min_count", "epochs", "workers"):
        value = getattr(settings, name)
        if value < 1:
            raise ConfigError(f"--{name.replace('_', '-')}: expected 1 or more, found {value}")
    if not 0 <= settings.seed < 2 ** 32:
        raise ConfigError(f"--seed: expected a number from 0 to 4294967295, found {settings.seed}")


def _gensim():
    try:
        import gensim
        import gensim.models
    except ImportError:
        raise UserError(f'own vectors need gensim: {install("vectors")}') from None
    return gensim


def _learn(gensim, tokenized: Path, settings: Settings):
    options: Dict[str, Any] = {
        "corpus_file": str(tokenized), "vector_size": settings.dimension, "window": settings.window,
        "negative": settings.negative, "min_count": settings.min_count, "epochs": settings.epochs,
        "workers": settings.workers, "seed": settings.seed, "sg": int(settings.method != "cbow")}
    kind = gensim.models.FastText if settings.method == "fasttext" else gensim.models.Word2Vec
    with tqdm(total=settings.epochs, unit="epoch", desc="learning", disable=None, leave=False) as bar:

        class Progress(gensim.models.callbacks.CallbackAny2Vec):
            def on_epoch_end(self, model):
                bar.update()

        try:
            return kind(callbacks=[Progress()], **options)
        except RuntimeError:  # gensim: "you must first build vocabulary"
            raise UserError(f"expected words that stand {settings.min_count} times or more, found none; "
                            "give more text, or a smaller --min-count") from None


def _tokenize(texts: Sequence[Path], path: Path, features: Features) -> int:
    """Write the tokens of all texts, a line for each line of theirs; return how many."""
    counted = 0
    forms: Dict[str, str] = {}
    total = sum(text.stat().st_size for text in texts)
    with open(path, "w", encoding="utf-8") as file, \
            tqdm(total=total, unit="B", unit_scale=True, desc="tokenizing", disable=None, leave=False) as bar:
        for text in texts:
            before = counted
            for line in _lines(text, bar):
                tokens = [token.text for token in tokenize(line)]
                for token in tokens:
                    if token not in forms:
                        # The file parts words by blanks; gensim would cut at others, too.
                        forms[token] = "".join(normal_form(token, features).split()) or "_"
                for start in range(0, len(tokens), LONGEST_LINE):
                    file.write(" ".join(forms[token] for token in tokens[start:start + LONGEST_LINE]) + "\n")
                counted += len(tokens)
                if len(forms) > 5_000_000:
                    forms.clear()
            if counted == before:
                raise CorpusError(text, None, "expected text, found none")
    return counted


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise CorpusError(path, None, f"expected a file of text, found: {error.strerror}") from None


def _lines(path: Path, bar: tqdm) -> Iterator[str]:
    """The lines of one file; the bar follows the bytes read from disk."""
    number = position = 0
    try:
        with opened(path) as (stream, raw), io.TextIOWrapper(stream, "utf-8", newline="\n") as text:
            for line in text:
                number += 1
                yield line
                if number % 1000 == 0:
                    now = raw.tell()
                    bar.update(now - position)
                    position = now
            bar.update(raw.tell() - position)
    except UnicodeDecodeError as error:
        raise CorpusError(path, number + 1, f"expected UTF-8, found byte {error.object[error.start]:#04x} "
                                            "there or soon after; convert the file") from None


def _neighbours(vectors, words: int = 8, nearest: int = 5) -> Dict[str, List[Any]]:
    """The nearest words of some: frequent ones, but none so frequent that it has no meaning."""
    chosen = [word for word in vectors.index_to_key[200:] if word.isalpha() and len(word) > 3]
    step = max(1, min(len(chosen), 2000) // words)
    return {word: [[other, round(float(cosine), 3)] for other, cosine
                   in vectors.most_similar(word, topn=nearest)]
            for word in chosen[:words * step:step]}


def summary(learnt: Learnt) -> str:
    """What ``ner-mx vectors`` prints."""
    lines = [f"text      {learnt.tokens:,} tokens",
             f"vectors   {len(learnt.words):,} words, {learnt.dimension} numbers each", ""]
    lines += [f"near {word}: " + ", ".join(f"{other} {cosine:.2f}" for other, cosine in near)
              for word, near in learnt.neighbours.items()]
    return "\n".join(lines)


def coverage(parts: Parts, words: Sequence[str]) -> Dict[str, Dict[str, float]]:
    """The shares of a corpus' tokens whose vector is found, by part and by how it is found."""
    places = {word: position for position, word in enumerate(words)}
    result = {}
    for name, sentences in parts.items():
        found: Counter = Counter()
        for token, count in Counter(token for sentence in sentences for token in sentence.tokens).items():
            place = find(places, token)
            found[how_found(token, words[place] if place >= 0 else None)] += count
        result[name] = {how: found[how] / sum(found.values()) for how in HOW_FOUND}
    return result
