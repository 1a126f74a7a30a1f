"""The servers that helpers.serving is measured against, each as its own guide writes one.

``python serving_rivals.py fastapi|mlflow|kserve MODEL.keras PORT``; mlflow and kserve need a Python
that has them.
"""

import sys

import keras
import numpy as np


def tensors(columns):
    import tensorflow as tf

    return {name: tf.constant(column) for name, column in columns.items()}


def columns_of(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


def fastapi(model, port):
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()

    @app.post("/predict")
    def predict(body: dict):
        answer = model.predict(tensors(columns_of(body["instances"])), verbose=0)
        return {"predictions": answer.tolist()}

    uvicorn.run(app, port=port, log_level="warning")


def mlflow(model, port):
    import tempfile

    import mlflow.pyfunc
    import uvicorn
    from mlflow.pyfunc.scoring_server import init

    class Wrapped(mlflow.pyfunc.PythonModel):
        def load_context(self, context):
            self.model = keras.saving.load_model(context.artifacts["model"])

        def predict(self, context, model_input, params=None):
            if hasattr(model_input, "columns"):
                model_input = {name: model_input[name].tolist() for name in model_input}
            return self.model.predict(tensors(model_input), verbose=0)

    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/model"
        mlflow.pyfunc.save_model(place, python_model=Wrapped(), artifacts={"model": sys.argv[2]})
        uvicorn.run(init(mlflow.pyfunc.load_model(place)), port=port, log_level="warning")


def kserve(model, port):
    import kserve as package

    class Wrapped(package.Model):
        def __init__(self):
            super().__init__("model")
            self.ready = True

        def predict(self, payload, headers=None, response_headers=None):
            answer = model.predict(tensors(columns_of(payload["instances"])), verbose=0)
            return {"predictions": np.asarray(answer).tolist()}

    package.ModelServer(http_port=port, workers=1, enable_grpc=False).start([Wrapped()])


if __name__ == "__main__":
    kind, path, port = sys.argv[1:]
    globals()[kind](keras.saving.load_model(path), int(port))
