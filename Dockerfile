# Two images: `docker build --target train -t ner-mx-train .` and `docker build -t ner-mx .` (hosting, without MXNet).
# Both follow the container contract of SageMaker: see "In a container" in README.md.

FROM python:3.11-slim AS train
ARG USER=10001
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_CONSTRAINT=/srv/ner_mx/constraints.txt OMP_NUM_THREADS=1
# MXNet needs the runtimes of OpenMP and of Fortran, of which any version will do.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 libquadmath0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/ner_mx
COPY . .
# constraints.txt has the versions.
# hadolint ignore=DL3013
RUN pip install ".[cpu,export,encoders,report]"
RUN useradd --uid 10001 --create-home ner \
    && install --directory --owner=ner /opt/ml
USER ${USER}
ENTRYPOINT ["ner-mx", "container"]
CMD ["train"]

FROM python:3.12-slim AS serve
ARG USER=10001
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_CONSTRAINT=/srv/ner_mx/constraints.txt
WORKDIR /srv/ner_mx
COPY . .
# constraints.txt has the versions.
# hadolint ignore=DL3013
RUN pip install ".[serve]"
RUN useradd --uid 10001 --create-home ner \
    && install --directory --owner=ner /opt/ml
USER ${USER}
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('SAGEMAKER_BIND_TO_PORT', '8080') + '/ping', timeout=4)"]
ENTRYPOINT ["ner-mx", "container"]
CMD ["serve"]
