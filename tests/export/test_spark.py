"""The MLflow model as a function of Spark, on this machine."""

import os
import shutil
import sys

import mlflow
import numpy as np
import pandas as pd
import pytest
from support.images import disc
from support.models import brightness_model

from clearbg.images import encode_image, read_image
from clearbg.tracking import runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """Of a logged model."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        run = runs.run_of_weights("abc", {}, "demo", lambda run: None)
        yield run.model(brightness_model(folder / "model.onnx"))


@pytest.fixture(scope="module")
def spark():
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed")
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        yield session
        session.stop()


def test_column_of_images_becomes_a_column_of_cutouts(uri, spark):
    """The same as without Spark; what cannot be read stays empty and stops nothing."""
    images = {f"{index}.jpg": encode_image(disc(index)[0]) for index in range(3)}
    images["bad.jpg"] = b"text"
    frame = spark.createDataFrame([*images.items()], "path string, content binary")
    remove = mlflow.pyfunc.spark_udf(spark, uri, env_manager="local", params={"on_error": "null"})
    found = dict(frame.select("path", remove("content")).collect())
    model = mlflow.pyfunc.load_model(uri)
    alone = model.predict(pd.DataFrame({"image": [*images.values()][:3]}))["image"]
    assert found.pop("bad.jpg") is None
    assert [bytes(found[f"{index}.jpg"]) for index in range(3)] == list(alone)
    assert np.any(read_image(alone[0]).alpha)
