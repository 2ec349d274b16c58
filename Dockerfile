# Three images of one file; docs/docker.md tells how each is used.
#   docker build --target train -t clearbg-train .     the pipeline, on a GPU or without one
#   docker build --target serve -t clearbg-serve .     removal, the server and the page; no torch
#   docker build --target mlflow -t clearbg-mlflow .   the tracking server of compose.yaml
#
# The base is Debian's Python and not NVIDIA's: torch's wheels bring the CUDA libraries that
# they were built with, and the driver comes from the host with --gpus. A CUDA base would add
# a second, unused copy of them.
# Renew the digest with: docker buildx imagetools inspect python:3.11-slim-bookworm
ARG BASE=python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d

# hadolint ignore=DL3006
FROM ${BASE} AS base
ARG UID=1000
ENV PATH=/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1
RUN useradd --create-home --uid "$UID" clearbg && python -m venv /opt/venv


FROM base AS train
# DVC and the records of MLflow ask git; make runs what the README names; gh opens pull requests.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gh git make \
    && rm -rf /var/lib/apt/lists/* \
    # The project is mounted from the host, where another user owns it.
    && git config --system --add safe.directory /workspace
COPY requirements.txt /opt/locks/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes -r /opt/locks/requirements.txt
COPY requirements-storage.txt /opt/locks/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes -r /opt/locks/requirements-storage.txt
COPY pyproject.toml setup.py README.md LICENSE /workspace/
COPY src /workspace/src
# Editable: the project that is mounted over /workspace is the one that runs.
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e /workspace && chown -R clearbg /workspace
# The Makefile makes no environment of its own where READY is set and empty.
ENV READY=
USER $UID
WORKDIR /workspace
# It does one job and ends: its exit status is its health.
HEALTHCHECK NONE
CMD ["make", "repro"]


FROM base AS serve
COPY requirements-serve.txt /opt/locks/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes -r /opt/locks/requirements-serve.txt
COPY pyproject.toml setup.py README.md LICENSE dvc.yaml .dvcignore .gitignore /opt/clearbg/
COPY .dvc/config .dvc/.gitignore /opt/clearbg/.dvc/
COPY pipelines /opt/clearbg/pipelines
COPY recipes /opt/clearbg/recipes
COPY src /opt/clearbg/src
RUN pip install --no-cache-dir --no-deps --no-build-isolation /opt/clearbg && mkdir -m 777 /images
ENV GRADIO_ANALYTICS_ENABLED=False
USER $UID
# Relative paths of the command line start here: exports/model.onnx is mounted below, else the
# model of the package runs.
WORKDIR /images
EXPOSE 7000 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7000/healthz', timeout=4)"]
ENTRYPOINT ["clearbg"]
CMD ["serve", "--host", "0.0.0.0"]


FROM base AS mlflow
COPY requirements-mlflow.txt /opt/locks/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes -r /opt/locks/requirements-mlflow.txt
COPY docker/basic_auth.ini /etc/mlflow/
ENV MLFLOW_AUTH_CONFIG_PATH=/etc/mlflow/basic_auth.ini \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
USER $UID
WORKDIR /home/clearbg
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:5000/health', timeout=4)"]
CMD ["mlflow", "server", "--host", "0.0.0.0"]
