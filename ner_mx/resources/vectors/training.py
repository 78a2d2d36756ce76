"""Train word vectors on raw text.

The text is tokenized and brought to the form in which the network looks words
up (case, digits), then gensim trains word2vec (Mikolov et al. 2013) or fastText
(Bojanowski et al. 2017) on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Counter, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from tqdm import tqdm

from ner_mx import __version__
from ner_mx.data.compression import SUFFIXES
from ner_mx.data.normalization import normal_form
from ner_mx.data.streamed_text import streamed_lines
from ner_mx.data.tokenizers.rules import Rules
from ner_mx.errors import ConfigError, CorpusError, RunError, UserError, install
from ner_mx.files import replacing, sha256, write_json
from ner_mx.temporary import temporary_folder

# Words per line of the tokenized text; gensim truncates lines at ten times this.
LONGEST_LINE = 1000

# How many word types are cached with their normal forms.
CACHED = 5_000_000


class WordForm(NamedTuple):
    """The form in which words are looked up, see :func:`~ner_mx.data.normalization.normal_form`."""

    digits: str
    lower: bool


class VectorTraining(NamedTuple):
    """How vectors are trained.

    method : ``skip-gram``, ``cbow`` or ``fasttext`` (skip-gram with character n-grams).
    dimension : of the vectors.
    window : the maximum distance between the current word and the predicted one.
    negative : noise words drawn for each predicted word (negative sampling).
    min_count : words that occur less often get no vector.
    epochs : passes over the text.
    workers : threads; with more than one, the result differs from run to run.
    seed : of the random numbers.
    """

    method: str = "skip-gram"
    dimension: int = 50
    window: int = 5
    negative: int = 5
    min_count: int = 5
    epochs: int = 5
    workers: int = 1
    seed: int = 1


class TrainedVectors(NamedTuple):
    """What training returns.

    words : most frequent first.
    tokens : the size of the text.
    dimension : of the vectors.
    neighbours : the nearest words of some words, with their cosine similarity.
    """

    words: List[str]
    tokens: int
    dimension: int
    neighbours: Dict[str, List[Tuple[str, float]]]


METHODS = ("skip-gram", "cbow", "fasttext")


def train_vectors(texts: Sequence[Path], output: Path, form: WordForm, settings: VectorTraining,
                  overwrite: bool = False) -> TrainedVectors:
    """Train vectors on files of text and write them in word2vec's text format.

    Parameters
    ----------
    texts : UTF-8 files with a sentence or a paragraph per line, plain or compressed
        (.gz, .bz2, .xz, .zst); they are streamed.
    output : the file of vectors; ``OUTPUT.json`` records the settings and the sources.
    form : the form of words (digits, case).
    overwrite : whether existing vectors may be replaced once the new ones are complete.

    Raises
    ------
    CorpusError : a file is missing, is not UTF-8, is damaged or has no text.
    UserError : gensim is not installed, no word is frequent enough, or the name of the output is unsuitable.
    ConfigError : a setting is out of range.
    RunError : ``output`` exists and may not be overwritten.
    """
    gensim = _gensim()
    _check_settings(settings)
    check_output(texts, output, overwrite)
    sources = {str(path): _digest(path) for path in texts}
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary_folder(output, mode=0o700) as folder:
            tokenized = folder / "text"
            tokens = _tokenize(texts, tokenized, form)
            model = _train(gensim, tokenized, settings)
    except OSError as error:
        # Name the file that the user knows: the tokenized text is as large as the texts.
        error.filename = str(output)
        raise
    vectors = model.wv
    with replacing(output) as temporary:
        vectors.save_word2vec_format(str(temporary), binary=False)
    write_json(metadata_path(output), {
        "version": __version__, "gensim": gensim.__version__, "settings": settings._asdict(),
        "digits": form.digits, "lower": form.lower, "tokens": tokens,
        "words": len(vectors), "sources": sources})
    return TrainedVectors(list(vectors.index_to_key), tokens, vectors.vector_size, _neighbours(vectors))


def metadata_path(output: Path) -> Path:
    """The file beside the vectors that records how they were made."""
    return output.with_name(f"{output.name}.json")


def check_output(texts: Sequence[Path], output: Path, overwrite: bool) -> None:
    """Check before hours of training that the result can be written.

    Raises
    ------
    UserError, RunError
    """
    if output.suffix.lower() in (".bin", ".npy", *SUFFIXES):
        raise UserError(f"{output}: expected the name of a plain text file, found the suffix "
                        f"{output.suffix}; leave it out")
    written = (output, metadata_path(output))
    for text in texts:
        if text.resolve() in [path.resolve() for path in written]:
            raise UserError(f"{text}: expected a text to read, found the file to write; choose another output")
    for path in written:
        if path.is_dir():
            raise UserError(f"{path}: expected the name of a file, found a folder; choose another output")
        if path.exists() and not overwrite:
            raise RunError(f"{path}: exists already; choose another output, or allow it with --overwrite")


def count_words(texts: Sequence[Path], form: WordForm) -> Counter[str]:
    """How often each word of files of text occurs, in the form in which words are looked up.

    Raises
    ------
    CorpusError : a file is missing, is not UTF-8, is damaged or has no text.
    """
    counts: Counter[str] = Counter()
    total = sum(_size(text) for text in texts)
    with tqdm(total=total, unit="B", unit_scale=True, desc="counting", disable=None, leave=False) as bar:
        for line in _tokenized(texts, form, bar):
            counts.update(line)
    return counts


def _check_settings(settings: VectorTraining) -> None:
    """Check the settings: gensim crashes on some values and silently accepts others.

    Raises
    ------
    ConfigError
    """
    if settings.method not in METHODS:
        raise ConfigError(f"method: expected one of {', '.join(METHODS)}, found {settings.method!r}")
    for name in ("dimension", "window", "negative", "min_count", "epochs", "workers"):
        value = getattr(settings, name)
        if value < 1:
            raise ConfigError(f"{name}: expected 1 or more, found {value}")
    if not 0 <= settings.seed < 2 ** 32:
        raise ConfigError(f"seed: expected a number from 0 to 4294967295, found {settings.seed}")


def _gensim() -> Any:
    """The library ``gensim``.

    Raises
    ------
    UserError : it is not installed.
    """
    try:
        import gensim
        import gensim.models
    except ImportError:
        raise UserError(f'training vectors needs gensim: {install("vectors")}') from None
    return gensim


def _train(gensim: Any, tokenized: Path, settings: VectorTraining) -> Any:
    """A gensim model of a tokenized text.

    Raises
    ------
    UserError : no word is frequent enough.
    """
    options: Dict[str, Any] = {
        "corpus_file": str(tokenized), "vector_size": settings.dimension, "window": settings.window,
        "negative": settings.negative, "min_count": settings.min_count, "epochs": settings.epochs,
        "workers": settings.workers, "seed": settings.seed, "sg": int(settings.method != "cbow")}
    model_class = gensim.models.FastText if settings.method == "fasttext" else gensim.models.Word2Vec
    with tqdm(total=settings.epochs, unit="epoch", desc="training", disable=None, leave=False) as bar:

        class Progress(gensim.models.callbacks.CallbackAny2Vec):
            def on_epoch_end(self, model: Any) -> None:
                bar.update()

        try:
            return model_class(callbacks=[Progress()], **options)
        except RuntimeError:  # gensim: "you must first build vocabulary"
            raise UserError(f"expected words that occur {settings.min_count} times or more, found nothing; "
                            "use more text, or a smaller min_count") from None


def _tokenize(texts: Sequence[Path], path: Path, form: WordForm) -> int:
    """Write the tokens of all texts, line by line; return their number."""
    count = 0
    total = sum(_size(text) for text in texts)
    with open(path, "w", encoding="utf-8") as file, \
            tqdm(total=total, unit="B", unit_scale=True, desc="tokenizing", disable=None, leave=False) as bar:
        for words in _tokenized(texts, form, bar):
            for start in range(0, len(words), LONGEST_LINE):
                file.write(" ".join(words[start:start + LONGEST_LINE]) + "\n")
            count += len(words)
    return count


def _tokenized(texts: Sequence[Path], form: WordForm, bar: tqdm) -> Iterator[List[str]]:
    """The words of each line of all texts, in the form in which they are looked up."""
    tokenizer = Rules()
    normal_forms: Dict[str, str] = {}
    for text in texts:
        is_empty = True
        for line in streamed_lines(text, bar):
            tokens = [token.text for token in tokenizer.tokens(line)]
            is_empty = is_empty and not tokens
            for token in tokens:
                if token not in normal_forms:
                    # Words are separated by spaces; gensim would split at other whitespace, too.
                    normal_forms[token] = "".join(normal_form(token, form.digits, form.lower).split()) or "_"
            yield [normal_forms[token] for token in tokens]
            if len(normal_forms) > CACHED:
                normal_forms.clear()
        if is_empty:
            raise CorpusError(text, None, "expected text, found nothing")


def _size(path: Path) -> int:
    """The bytes of a text on disk.

    Raises
    ------
    CorpusError : there is no such file.
    """
    try:
        return path.stat().st_size
    except OSError as error:
        raise CorpusError(path, None, f"expected a file of text, found: {error.strerror}") from None


def _digest(path: Path) -> str:
    """The SHA-256 of a text.

    Raises
    ------
    CorpusError : it cannot be read.
    """
    try:
        return sha256(path)
    except OSError as error:
        raise CorpusError(path, None, f"expected a file of text, found: {error.strerror}") from None


def _neighbours(vectors: Any, words: int = 8, nearest: int = 5) -> Dict[str, List[Tuple[str, float]]]:
    """The nearest words of a few frequent words; the 200 most frequent are mostly function words and left out."""
    chosen = [word for word in vectors.index_to_key[200:] if word.isalpha() and len(word) > 3]
    step = max(1, min(len(chosen), 2000) // words)
    return {word: [(neighbour, round(float(cosine), 3))
                   for neighbour, cosine in vectors.most_similar(word, topn=nearest)]
            for word in chosen[:words * step:step]}


def summary(trained: TrainedVectors) -> str:
    """What ``ner-mx vectors`` prints."""
    lines = [f"text      {trained.tokens:,} tokens",
             f"vectors   {len(trained.words):,} words, {trained.dimension} dimensions", ""]
    lines += [f"near {word}: " + ", ".join(f"{neighbour} {cosine:.2f}" for neighbour, cosine in neighbours)
              for word, neighbours in trained.neighbours.items()]
    return "\n".join(lines)
