"""The typed configuration: its schema, the YAML it is read from, the layers it is built in."""

from ner_mx.config.differences import difference, differences
from ner_mx.config.layers import (
    EXPERIMENTS,
    as_arguments,
    experiment_names,
    load_config,
    load_experiment,
    parse_settings,
    read_experiment,
)
from ner_mx.config.schema import (
    Columns,
    Config,
    Corpus,
    Decoding,
    Documents,
    Dropout,
    Features,
    LexiconSource,
    Loss,
    Network,
    Optimizer,
    Schedule,
    Section,
    Split,
    Training,
    Vectors,
    Weights,
)
from ner_mx.config.validation import validate, validated
from ner_mx.config.yaml_files import parse_yaml, read_yaml

__all__ = [
    "Columns", "Config", "Corpus", "Decoding", "Documents", "Dropout", "EXPERIMENTS", "Features",
    "LexiconSource", "Loss", "Network", "Optimizer", "Schedule", "Section", "Split", "Training",
    "Vectors", "Weights", "as_arguments", "difference", "differences", "experiment_names", "load_config",
    "load_experiment", "parse_settings", "parse_yaml", "read_experiment", "read_yaml", "validate",
    "validated",
]
