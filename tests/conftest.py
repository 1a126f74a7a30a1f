"""Slow files start first; the tests of browser and site need packages of their own."""

collect_ignore = ["browser", "site"]  # `make test-browser` and `make test-site` run them

# The files that take longest, in the order in which they start; the other notebooks are next.
SLOWEST = [
    "2_5_tfx_pipeline.ipynb",
    "test_pipelines.py",
    "test_serving.py",
    "4_1_serve.ipynb",
    "4_5_progressive_delivery.ipynb",
    "test_rollout_router.py",
]


def pytest_collection_modifyitems(items):
    """Sort the tests so that no worker is left alone with a slow file at the end."""
    place = {name: at for at, name in enumerate(SLOWEST)}
    last = len(SLOWEST)
    items.sort(key=lambda item: place.get(item.path.name, last + (item.path.suffix != ".ipynb")))
