"""Install with pip install -e ".[cpu]" (or [gpu]); see README.md."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

# The two builds of MXNet install the same package: an environment holds cpu or gpu, never both.
# MXNet 1.9.1 wants numpy below 2 (ner_mx.compat gives it the alias that numpy 1.24 took away) and
# thus Python up to 3.12, and setuptools where distutils is gone.  GluonNLP is for its BERT and RoBERTa
# models; its Vocab is what tests hold ours against, which must do without MXNet.
RANGE = "; python_version < '3.13'"
MXNET = [f"gluonnlp==0.10.0{RANGE}", f"numpy>=1.22,<2{RANGE}", "setuptools"]

setup(
    name="ner-mx",
    version="0.1.0",
    description="Named-entity recognition with a bidirectional LSTM-CNN on MXNet Gluon",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.9",
    packages=find_packages(include=["ner_mx", "ner_mx.*"]),
    package_data={"ner_mx": ["experiments/*.yaml", "experiments/*/*.yaml", "spaces/*.yaml",
                             "serving/static/*"]},
    install_requires=["numpy>=1.22", "pandas>=1.5,<3", "scikit-learn>=1.1", "pyyaml>=6", "pydantic>=2.5,<3",
                      "typer>=0.12", "tqdm>=4.60"],
    extras_require={
        "cpu": [f"mxnet==1.9.1{RANGE}", *MXNET],
        "gpu": [f"mxnet-cu112==1.9.1{RANGE}", *MXNET,
                "nvidia-cuda-runtime-cu11", "nvidia-cublas-cu11", "nvidia-cufft-cu11",
                "nvidia-cusolver-cu11", "nvidia-cusparse-cu11", "nvidia-curand-cu11",
                "nvidia-cuda-nvrtc-cu11", "nvidia-nvtx-cu11", "nvidia-nccl-cu11",
                "nvidia-cudnn-cu11>=8,<9"],
        "runtime": ["onnxruntime>=1.17"],
        "export": ["onnxruntime>=1.17", "onnx>=1.16"],
        "serve": ["onnxruntime>=1.17", "fastapi>=0.115", "uvicorn>=0.30", "prometheus-client>=0.20"],
        "corpora": ["onnxruntime>=1.17", "pyarrow>=14", "zstandard>=0.22"],
        "spacy": ["spacy>=3.7"],
        "report": ["matplotlib>=3.6", "markdown>=3.5"],
        "vectors": ["gensim>=4.3.3", "zstandard>=0.22"],
        "search": ["optuna>=4"],
        "ray": ["ray>=2.9"],
        "test": ["pytest>=8", "pytest-xdist>=3.5", "hypothesis>=6.100", "seqeval==1.2.2", "ruff>=0.6",
                 "import-linter>=2.0", "httpx2>=2; python_version >= '3.10'",
                 "httpx>=0.27; python_version < '3.10'", "schemathesis>=4", "playwright>=1.40"],
        "bench": ["torch>=2.2", "spacy>=3.7"],
    },
    entry_points={"console_scripts": ["ner-mx = ner_mx.cli:main"]},
)
