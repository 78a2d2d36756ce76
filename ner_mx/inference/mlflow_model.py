"""A bundle as a model of MLflow's pyfunc flavour: files alone, without MXNet and without a pickle.

MLflow imports this module by its name to load such a model, and calls :func:`_load_pyfunc`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional

from ner_mx import __version__
from ner_mx.errors import UserError, install
from ner_mx.inference.tagger import Tagger

# What MLflow installs where it serves the model.
REQUIREMENTS = [f"ner-mx[runtime]=={__version__}", "pandas"]
TEXT = "text"


class BundleModel:
    """Tags the texts of a table.

    Parameters
    ----------
    tagger : of the bundle.
    """

    def __init__(self, tagger: Tagger):
        self._tagger = tagger

    def predict(self, model_input: Any, params: Optional[Dict[str, Any]] = None) -> List[List[Dict[str, Any]]]:
        """The entities of each text, as start, end, label, text and score.

        Parameters
        ----------
        model_input : a data frame with a column ``text``, or a list of texts.

        Raises
        ------
        UserError : there is no such column.
        """
        texts = model_input
        if hasattr(model_input, "columns"):
            if TEXT not in model_input.columns:
                raise UserError(f"expected a column {TEXT}, found {', '.join(map(str, model_input.columns))}")
            texts = model_input[TEXT].tolist()
        return [[entity._asdict() for entity in entities] for entities in self._tagger.predict_batch(list(texts))]


def _load_pyfunc(data_path: str) -> BundleModel:
    """The model of a folder; called by MLflow."""
    return BundleModel(Tagger.load(data_path))


def write_mlflow_model(bundle: Path, folder: Path) -> None:
    """Write a bundle as a model that ``mlflow.pyfunc.load_model`` loads.

    Raises
    ------
    UserError : mlflow is not installed, or the folder exists.
    BundleError : the bundle cannot be read.
    """
    try:
        from mlflow import pyfunc
    except ImportError:
        raise UserError(f'a model of MLflow needs mlflow: {install("tracking")}') from None
    if folder.exists():
        raise UserError(f"{folder}: exists already; choose another folder")
    Tagger.load(bundle)  # an error here is clearer than one where the model is used
    pyfunc.save_model(str(folder), loader_module=__name__, data_path=str(bundle), pip_requirements=REQUIREMENTS)
