"""The servers that helpers.serving is measured against, each as a good engineer writes one.

``python serving_rivals.py fastapi|litserve|kserve SAVED_MODEL PORT``; litserve and kserve need a
Python that has them. All call the SavedModel's signature, and run on the event loop that they
choose themselves: uvloop, where it is installed.
"""

import sys

import tensorflow as tf

try:
    from litserve import LitAPI
except ModuleNotFoundError:  # only the process that runs it has it
    LitAPI = object


def columns_of(rows):
    return {name: tf.constant([row[name] for row in rows]) for name in rows[0]}


def rows_of(outputs):
    (answer,) = outputs.values()
    return answer.numpy().tolist()


def fastapi(predict, port):
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()

    @app.post("/predict")
    def answer(body: dict):
        return {"predictions": rows_of(predict(**columns_of(body["instances"])))}

    uvicorn.run(app, port=port, log_level="warning")


class Batched(LitAPI):
    """Called in a process that LitServe spawns, so it stands where that can import it."""

    def setup(self, device):
        self.model = tf.saved_model.load(sys.argv[2])
        self.call = self.model.signatures["serving_default"]

    def decode_request(self, request):
        (row,) = request["instances"]
        return row

    def batch(self, inputs):
        return columns_of(inputs)

    def predict(self, batch):
        return rows_of(self.call(**batch))

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return {"predictions": [output]}


def litserve(predict, port):
    from litserve import LitServer

    api = Batched(max_batch_size=64, batch_timeout=0.002)
    LitServer(api, accelerator="cpu").run(port=port, log_level="warning")


def kserve(predict, port):
    import kserve as package

    class Wrapped(package.Model):
        def __init__(self):
            super().__init__("model")
            self.ready = True

        def predict(self, payload, headers=None, response_headers=None):
            return {"predictions": rows_of(predict(**columns_of(payload["instances"])))}

    package.ModelServer(http_port=port, workers=1, enable_grpc=False).start([Wrapped()])


if __name__ == "__main__":
    kind, path, port = sys.argv[1:]
    model = tf.saved_model.load(path)  # kept: its signature does not keep it
    globals()[kind](model.signatures["serving_default"], int(port))
