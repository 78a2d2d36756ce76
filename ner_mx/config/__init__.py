"""The typed configuration: its schema, the YAML it is read from, the layers it is built in."""

from ner_mx.config.differences import difference, differences
from ner_mx.config.experiments import EXPERIMENTS, experiment_names, read_experiment
from ner_mx.config.fingerprints import features_fingerprint, portable, result_fingerprint
from ner_mx.config.interfaces import (
    CallbackSettings,
    FeatureSettings,
    LookupSettings,
    LossSettings,
    ModelSettings,
    OptimizerSettings,
    ScheduleSettings,
)
from ner_mx.config.layers import load_config, load_experiment, nested, parse_settings
from ner_mx.config.migration import migrated
from ner_mx.config.schema import (
    CaseAugmentation,
    Columns,
    Config,
    Corpus,
    Decoding,
    Documents,
    Features,
    Split,
    Training,
    features_schema,
)
from ner_mx.config.section import FEATURES, INPUT, LOCATION, PLACE, RESULT, Kind, Section
from ner_mx.config.validation import validate, validate_as
from ner_mx.config.yaml_documents import dump_yaml, parse_yaml, read_yaml

__all__ = [
    "CaseAugmentation",
    "CallbackSettings", "Columns", "Config", "Corpus", "Decoding", "Documents", "EXPERIMENTS", "FEATURES",
    "FeatureSettings", "Features", "INPUT", "Kind", "LOCATION", "LookupSettings", "LossSettings",
    "ModelSettings", "OptimizerSettings", "PLACE", "RESULT", "ScheduleSettings", "Section", "Split",
    "Training", "difference", "differences", "dump_yaml", "experiment_names",
    "features_fingerprint", "features_schema", "load_config", "load_experiment", "migrated", "nested",
    "parse_settings", "parse_yaml", "portable", "read_experiment", "read_yaml", "result_fingerprint",
    "validate", "validate_as",
]
