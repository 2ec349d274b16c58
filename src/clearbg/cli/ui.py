"""The command `clearbg ui`."""

import os
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from clearbg.system import project

VIEW = "workflowType=machine_learning&viewStateShareKey=scores"
"""Of MLflow's page: what belongs to training, with the view that the stages save."""


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
) -> None:
    """Serve MLflow's page of the project's trainings: runs, charts, models."""
    folder = project.required()
    if find_spec("mlflow") is None:
        raise ModuleNotFoundError("MLflow is not installed", name="mlflow")
    page = f"http://127.0.0.1:{port}/#/experiments/1"
    typer.echo(f"runs: {page}/runs?{VIEW}")
    typer.echo(f"charts of the test scores: {page}/runs?{VIEW}&compareRunsMode=CHART")
    typer.echo(f"models: {page}/models?workflowType=machine_learning")
    os.chdir(folder)
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", "sqlite:///mlflow.db",
               "--port", str(port), "--workers", "1"]  # fmt: skip
    os.execve(sys.executable, command, os.environ | quiet)
