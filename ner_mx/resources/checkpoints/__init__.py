"""Pretrained transformer encoders: checkpoint folders in the layout of Hugging Face's transformers.

A folder holds ``config.json``, the weights (``model.safetensors`` or
``pytorch_model.bin``) and the pieces of the tokenizer (``tokenizer.json``,
``vocab.txt``, or ``vocab.json`` with ``merges.txt``).  Nothing in it is executed.
"""

from ner_mx.resources.checkpoints.architecture import Architecture
from ner_mx.resources.checkpoints.checkpoint import Checkpoint, checkpoint_files, checkpoint_folder, read_checkpoint
from ner_mx.resources.checkpoints.pieces import Pieces

__all__ = ["Architecture", "Checkpoint", "Pieces", "checkpoint_files", "checkpoint_folder", "read_checkpoint"]
