"""``serve`` in a container: the bundle in the folder of the model, on every address of the container."""

from __future__ import annotations

import os
from pathlib import Path

from ner_mx.errors import BundleError, UserError, shown
from ner_mx.hosting.layout import Layout
from ner_mx.inference.bundle_folder import is_bundle
from ner_mx.inference.tagger import TaggerSource

PORT, MIN_SCORE, API_KEY = "SAGEMAKER_BIND_TO_PORT", "NER_MX_MIN_SCORE", "NER_MX_API_KEY"


def serve(layout: Layout) -> None:
    """Serve ``/ping`` and ``/invocations``, and the service's other paths, until SIGTERM.

    Three variables of the environment count: ``SAGEMAKER_BIND_TO_PORT`` (8080), ``NER_MX_MIN_SCORE`` and
    ``NER_MX_API_KEY``.

    Raises
    ------
    BundleError : there is no bundle, or more than one, or it cannot be used.
    UserError : a variable has no usable value.
    """
    from ner_mx.serving.server import serve_forever

    given = os.environ.get(PORT, "8080")
    if not given.isdecimal() or int(given) > 65535:
        raise UserError(f"{PORT}: expected the number of a port, found {given!r}")
    # A container has an address of its own, and nobody could connect to its loopback.
    score = os.environ.get(MIN_SCORE)
    try:
        serve_forever(TaggerSource(bundle_in(layout.model), score), "0.0.0.0", int(given),
                      api_key=os.environ.get(API_KEY))
    except UserError as error:
        raise error if score is None else UserError(f"{error} ({MIN_SCORE} is {shown(score)})") from None


def bundle_in(model: Path) -> Path:
    """The bundle in a folder: the folder itself, or the only bundle in it.

    Raises
    ------
    BundleError : there is no bundle, or there are several.
    """
    if is_bundle(model):
        return model
    found = sorted(path for path in model.iterdir() if is_bundle(path)) if model.is_dir() else []
    if len(found) != 1:
        raise BundleError(f"{model}: expected one bundle, found "
                          f"{', '.join(path.name for path in found) or 'none'}; put what ner-mx export wrote there")
    return found[0]
