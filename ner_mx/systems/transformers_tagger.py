"""A pretrained encoder, fine-tuned by the library transformers on PyTorch: the check on our own fine-tuning."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Dict, List, Sequence

from ner_mx.data.sentence import Sentence
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import ConfigError, UserError, first_line, install
from ner_mx.registry import register
from ner_mx.systems import System, checked_settings
from ner_mx.temporary import temporary_folder
from ner_mx.untyped import ReadOnlyValues, Values

CHECKPOINT = "checkpoint"
# path: the folder of a checkpoint, or its name on the hub.  longest: pieces that are read of a sentence.
# device: cpu | gpu.
DEFAULTS = {"path": None, "epochs": 4, "batch_size": 16, "learning_rate": 2e-4, "weight_decay": 0.01,
            "warmup": 0.1, "longest": 256, "device": "cpu"}
LIMITS = {"epochs": (1, 1e4), "batch_size": (1, 1e5), "learning_rate": (0, 10), "weight_decay": (0, 10),
          "warmup": (0, 1), "longest": (8, 1e5)}
DEVICES = ("cpu", "gpu")
# Families whose positions are counted from behind the number of the padding.
AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")
# Sentences that are tagged at once, and the label of pieces that have none.
BATCH, IGNORED = 32, -100


@register.system("transformers")
class TransformersTagger(System):
    """``AutoModelForTokenClassification`` and ``Trainer``: first pieces labelled, linear warm-up and decay.

    Words beyond the longest sequence are read by neither training nor tagging, as in the library's own example.
    https://huggingface.co/docs/transformers/tasks/token_classification
    """

    def __init__(self, settings: ReadOnlyValues, seed: int = 1):
        super().__init__(checked_settings(self.name, settings, DEFAULTS, LIMITS), seed)
        if self.settings["device"] not in DEVICES:
            raise ConfigError(f"{self.name}: device: expected one of {', '.join(DEVICES)}, found "
                              f"{self.settings['device']!r}")
        self._model: Any = None
        self._tokenizer: Any = None

    def fit(self, train: Sequence[Sentence], dev: Sequence[Sentence]) -> None:
        """Train for all epochs; the last one counts, and dev is not read.

        Raises
        ------
        ConfigError : no checkpoint is given, or sequences are longer than it reads.
        UserError : transformers, accelerate or PyTorch is not installed, PyTorch finds no GPU, or the checkpoint
            cannot be read.
        """
        library = _library()
        self._check_device()
        if self.settings["path"] is None:
            raise ConfigError(f"{self.name}: path: expected the folder of a checkpoint, or its name on the hub, found "
                              "no value; give it by --with path=FOLDER")
        tags = [convert_tags(sentence.gold, "IOB2") for sentence in train]
        labels = ["O", *sorted({tag for sentence in tags for tag in sentence} - {"O"})]
        library.set_seed(self.seed)
        self._read(self.settings["path"], num_labels=len(labels), id2label=dict(enumerate(labels)),
                   label2id={label: number for number, label in enumerate(labels)})
        self._check_longest()
        examples = [self._example(sentence.tokens, [labels.index(tag) for tag in sentence_tags])
                    for sentence, sentence_tags in zip(train, tags)]
        steps = -(-len(examples) // self.settings["batch_size"]) * self.settings["epochs"]
        with temporary_folder(Path(gettempdir()) / "ner_mx-transformers", mode=0o700) as place:
            arguments = library.TrainingArguments(
                output_dir=str(place), num_train_epochs=self.settings["epochs"],
                per_device_train_batch_size=self.settings["batch_size"], learning_rate=self.settings["learning_rate"],
                weight_decay=self.settings["weight_decay"], warmup_steps=int(self.settings["warmup"] * steps),
                seed=self.seed, save_strategy="no", report_to=[], disable_tqdm=True, logging_strategy="no",
                use_cpu=self.settings["device"] == "cpu")
            trainer = library.Trainer(self._model, arguments, train_dataset=examples,
                                      data_collator=library.DataCollatorForTokenClassification(self._tokenizer))
            trainer.remove_callback(library.PrinterCallback)
            trainer.train()
        self._model.eval()

    def _check_longest(self) -> None:
        """Longer sequences than the encoder has positions for would fail deep inside of it."""
        config = self._model.config
        positions = getattr(config, "max_position_embeddings", None)
        if positions and config.model_type in AFTER_PADDING:
            positions -= config.pad_token_id + 1
        if positions and self.settings["longest"] > positions:
            raise ConfigError(f"{self.name}: longest: expected at most the {positions} positions of the checkpoint, "
                              f"found {self.settings['longest']}")

    def _check_device(self) -> None:
        import torch

        if self.settings["device"] == "gpu" and not torch.cuda.is_available():
            raise UserError(f"{self.name}: expected a GPU that PyTorch supports, found no such; set device to cpu")

    def _read(self, path: object, **options: Any) -> None:
        library = _library()
        try:
            # Without an answer to whether a checkpoint's own code may run, the library would ask.
            self._tokenizer = library.AutoTokenizer.from_pretrained(str(path), use_fast=True, add_prefix_space=True,
                                                                    trust_remote_code=False)
            self._model = library.AutoModelForTokenClassification.from_pretrained(str(path), trust_remote_code=False,
                                                                                  **options)
        except Exception as error:  # whatever the libraries raise about a damaged checkpoint
            kind = "" if Path(str(path)).is_dir() else "no folder of the name, and from the hub: "
            raise UserError(f"{path}: expected a checkpoint of transformers (config.json, weights, a tokenizer), "
                            f"found: {kind}{first_line(' '.join(str(error).split()))}") from None

    def _example(self, tokens: Sequence[str], labels: Sequence[int]) -> Dict[str, List[int]]:
        """A sentence as the library trains on it: the label of a word is that of its first piece."""
        encoded = self._tokenizer(list(tokens), is_split_into_words=True, truncation=True,
                                  max_length=self.settings["longest"])
        words = encoded.word_ids()
        return {**encoded, "labels": [labels[word] if word is not None and word != before else IGNORED
                                      for before, word in zip([None, *words], words)]}

    def tag(self, sentences: Sequence[Sentence]) -> List[List[str]]:
        """The likeliest tag of the first piece of each word; ill-formed sequences are read by conlleval's rule."""
        if self._model is None:
            raise RuntimeError("fit() or load() must be called before tag()")
        result: List[List[str]] = [[] for _ in sentences]
        order = sorted(range(len(sentences)), key=lambda number: len(sentences[number].tokens))
        for start in range(0, len(order), BATCH):
            numbers = order[start:start + BATCH]
            for number, tags in zip(numbers, self._tagged([list(sentences[number].tokens) for number in numbers])):
                result[number] = list(convert_tags(tags, "IOB2"))
        return result

    def _tagged(self, batch: List[List[str]]) -> List[List[str]]:
        import torch

        encoded = self._tokenizer(batch, is_split_into_words=True, truncation=True, padding=True, return_tensors="pt",
                                  max_length=self.settings["longest"])
        with torch.inference_mode():
            chosen = self._model(**encoded.to(self._model.device)).logits.argmax(-1).tolist()
        result = []
        for number, tokens in enumerate(batch):
            tags: List[str] = ["O"] * len(tokens)
            words = encoded.word_ids(number)
            for place in range(len(words) - 1, -1, -1):  # backwards, so that the first piece remains
                if words[place] is not None:
                    tags[words[place]] = self._model.config.id2label[chosen[number][place]]
            result.append(tags)
        return result

    def describe(self) -> Values:
        """The architecture, its parameters, and the versions."""
        if self._model is None:
            return {}
        import torch

        return {"architecture": self._model.config.model_type, "parameters": self._model.num_parameters(),
                "transformers": _library().__version__, "torch": str(torch.__version__)}

    def save(self, folder: Path) -> None:
        """Write the checkpoint as the library does."""
        self._model.save_pretrained(folder / CHECKPOINT)
        self._tokenizer.save_pretrained(folder / CHECKPOINT)

    def load(self, folder: Path) -> None:
        """Read it."""
        self._read(folder / CHECKPOINT)
        self._model.eval()


def _library() -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import accelerate  # noqa: F401
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise UserError(f'the system transformers needs {error.name}: {install("transformers")}') from None
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers
