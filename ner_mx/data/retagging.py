"""Other tags for some sentences of a file, with everything else in it as it was where the format allows that."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.data.compression import compression_suffix
from ner_mx.data.detection import format_of
from ner_mx.data.reading import read
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.tag_schemes import detect_scheme, tags_of
from ner_mx.errors import CorpusError, UserError
from ner_mx.files import replacing

Entities = Mapping[int, Sequence[Span]]


def write_retagged(source: Path, target: Path, settings: Corpus, entities: Entities) -> bool:
    """Write a corpus with other entities in some of its sentences.

    In a file with a line for each token, the tags of these sentences are replaced, and every other byte is kept.
    Other formats are written as ``ner-mx convert`` writes them.

    Parameters
    ----------
    entities : all entities of a sentence, by its index in the file.

    Returns
    -------
    Whether everything else in the file is as it was.

    Raises
    ------
    UserError : the format cannot be written.
    CorpusError : the source cannot be read.
    """
    reading = read(source, settings)
    scheme = detect_scheme(reading.sentences, None if settings.scheme == "auto" else settings.scheme).scheme
    wanted = [sentence if index not in entities else sentence._replace(
        tags=tags_of(sorted(entities[index]), len(sentence.tokens), scheme))
        for index, sentence in enumerate(reading.sentences)]
    content = _patched(source, settings, reading.sentences, wanted)
    if content is not None:
        with replacing(target) as temporary:
            temporary.write_bytes(content)
        if _same_entities(target, settings, wanted):
            return True
    chosen = format_of(source, settings)
    if not chosen.is_writable():
        raise UserError(f"{source}: expected a format that can be written, found {chosen.name}; convert the corpus "
                        "first, see ner-mx convert")
    chosen.write(wanted, target)
    return False


def _patched(source: Path, settings: Corpus, sentences: Sequence[Sentence],
             wanted: Sequence[Sentence]) -> Optional[bytes]:
    """The content of a file with other tags in its lines; None if its format has no lines of tokens."""
    if not source.is_file() or compression_suffix(source):
        return None
    place_of_tag = format_of(source, settings).place_of_tag(source, settings)
    if place_of_tag is None or not all(sentence.line_per_token and sentence.line for sentence in sentences):
        return None
    changes: Dict[int, Tuple[str, str]] = {}
    for old, new in zip(sentences, wanted):
        for number, (before, after) in enumerate(zip(old.gold, new.gold)):
            if before != after:
                changes[old.line + number] = before, after
    lines = source.read_bytes().decode(settings.encoding).split("\n")
    for number, (before, after) in changes.items():
        line = lines[number - 1] if number <= len(lines) else ""
        start, end = place_of_tag(line)
        if line[start:end] != before:  # tags that were repaired, or lines that are counted in another way
            return None
        lines[number - 1] = line[:start] + after + line[end:]
    return "\n".join(lines).encode(settings.encoding)


def _same_entities(path: Path, settings: Corpus, wanted: Sequence[Sentence]) -> bool:
    """Whether a file has these sentences with these entities."""
    try:
        found: List[Sentence] = read(path, settings).sentences
    except CorpusError:
        return False
    return len(found) == len(wanted) and all(
        one.tokens == other.tokens and spans_of(one.gold) == spans_of(other.gold) for one, other in zip(found, wanted))
