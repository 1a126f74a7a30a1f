"""The plan's files say the same as the roll-out, and are what the cluster's schemas ask for."""

import copy
import json
import math
import re
import subprocess

import pytest
import yaml

from helpers.rollout import Analysis, Disagreement, ErrorRate, Latency, Rollout, manifests, plan
from helpers.tfx.environment import interpreter


def documents(text):
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def files():
    return {name: documents(text) for name, text in plan(Rollout()).items()}


@pytest.mark.parametrize("template", sorted(manifests._TEMPLATES.iterdir()), ids=lambda p: p.stem)
def test_a_template_is_yaml_that_can_be_read_and_linted(template):
    assert all(yaml.safe_load_all(template.read_text()))


def test_a_text_with_a_placeholder_in_it_arrives_as_it_is():
    assert documents(plan(Rollout(), image="a/$model")["kubernetes.yaml"])
    assert "a/$model:2" in plan(Rollout(), image="a/$model")["argo.yaml"]


def test_argo_has_the_same_steps_and_looks_after_each():
    rollout = Rollout(steps=(0.05, 0.25, 0.5, 1.0))
    argo = documents(plan(rollout)["argo.yaml"])
    steps = argo["Rollout", "credit"]["spec"]["strategy"]["canary"]["steps"]
    assert [step["setWeight"] for step in steps if "setWeight" in step] == [5, 25, 50]
    assert [next(iter(step)) for step in steps] == ["setWeight", "analysis"] * 3
    for step in steps[1::2]:
        (template,) = step["analysis"]["templates"]
        assert ("AnalysisTemplate", template["templateName"]) in argo
        given = {argument["name"] for argument in step["analysis"]["args"]}
        wanted = argo["AnalysisTemplate", "credit"]["spec"]["args"]
        assert given == {argument["name"] for argument in wanted}


def test_argo_judges_by_the_same_limits_and_says_what_it_cannot_judge():
    analysis = Analysis(
        (ErrorRate(0.02), Latency(99, factor=1.3), Latency(95, limit_ms=80), Disagreement())
    )
    text = plan(Rollout(analysis=analysis))["argo.yaml"]
    metrics = documents(text)["AnalysisTemplate", "credit"]["spec"]["metrics"]
    conditions = {metric["name"]: metric["successCondition"] for metric in metrics}
    limits = {"errors": "0.02", "latency-p99": "1.3", "latency-within-80ms": "80000"}
    assert {name: condition.split()[-1] for name, condition in conditions.items()} == limits
    for metric in metrics:
        query = metric["provider"]["prometheus"]["query"]
        assert query.count("(") == query.count(")") and query.count("{") == query.count("}")
        assert 'model_name="credit"' in query
        assert set(re.findall(r"\{\{args\.(\w+)\}\}", query)) <= {"canary", "stable"}
        assert metric["failureLimit"] < metric["count"]
    assert "TensorFlow Serving does not measure: scores differ." in text


def test_every_name_that_is_referred_to_exists(files):
    argo, base = files["argo.yaml"], files["kubernetes.yaml"]
    canary = argo["Rollout", "credit"]["spec"]["strategy"]["canary"]
    assert ("Service", canary["stableService"]) in argo
    assert ("Service", canary["canaryService"]) in argo
    (plugin,) = canary["trafficRouting"]["plugins"].values()
    route = argo["HTTPRoute", plugin["httpRoute"]]
    backends = {one["name"] for one in route["spec"]["rules"][0]["backendRefs"]}
    assert backends == {canary["stableService"], canary["canaryService"]}
    reference = argo["Rollout", "credit"]["spec"]["workloadRef"]
    deployment = base[reference["kind"], reference["name"]]
    pod = deployment["spec"]["template"]
    (volume,) = pod["spec"]["volumes"]
    assert ("ConfigMap", volume["configMap"]["name"]) in base
    for autoscaler, owner in ((base, deployment), (argo, argo["Rollout", "credit"])):
        target = autoscaler["HorizontalPodAutoscaler", "credit"]["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"], target["apiVersion"]) == (
            owner["kind"],
            owner["metadata"]["name"],
            owner["apiVersion"],
        )
    ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    for (kind, _), one in {**base, **argo}.items():
        if kind == "Service":
            assert one["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
            assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports


def test_kserve_begins_with_the_first_step_and_names_the_others():
    text = plan(Rollout(steps=(0.1, 0.3, 1)), candidate_version=7)["kserve.yaml"]
    predictor = documents(text)["InferenceService", "credit"]["spec"]["predictor"]
    assert predictor["canaryTrafficPercent"] == 10
    assert predictor["model"]["modelFormat"] == {"name": "tensorflow"}
    assert predictor["model"]["storageUri"] == "s3://models/credit-7"
    assert "then 30, remove the line (100)" in text


def test_a_shadow_which_argo_cannot_do_is_no_step_and_said_to_be_missing():
    text = plan(Rollout(steps=(0, 0.5, 1)))["argo.yaml"]
    steps = documents(text)["Rollout", "credit"]["spec"]["strategy"]["canary"]["steps"]
    assert [step["setWeight"] for step in steps if "setWeight" in step] == [50]
    assert "The plan's shadow is not here" in text
    assert "shadow" not in plan(Rollout(steps=(0.5, 1)))["argo.yaml"]


def test_a_roll_out_without_a_step_between_is_refused():
    with pytest.raises(ValueError, match="expected one between 0 and 1"):
        plan(Rollout(steps=(0, 1)))


def matches(rule, path):
    """Whether the Gateway API's rules match a path: prefixes end where an element does."""
    kind, value = rule["type"], rule["value"]
    if kind == "Exact":
        return path == value
    assert kind == "PathPrefix"
    parts, prefix = path.split("/"), value.rstrip("/").split("/")
    return parts[: len(prefix)] == prefix


@pytest.mark.parametrize(
    "rest", [":predict", "", "/metadata", "/versions/2:predict", "/labels/stable:predict"]
)
def test_the_route_takes_every_request_for_the_model_and_for_no_other(files, rest):
    (rule,) = files["argo.yaml"]["HTTPRoute", "credit"]["spec"]["rules"]
    paths = [match["path"] for match in rule["matches"]]
    assert any(matches(path, f"/v1/models/credit{rest}") for path in paths)
    assert not any(matches(path, f"/v1/models/credit2{rest}") for path in paths)


@pytest.mark.parametrize("looks", [1, 5])
def test_a_look_that_finds_no_data_neither_fails_nor_passes(looks):
    argo = documents(plan(Rollout(), looks=looks, interval_s=90)["argo.yaml"])
    for metric in argo["AnalysisTemplate", "credit"]["spec"]["metrics"]:
        conditions = {kind: metric[kind] for kind in ("successCondition", "failureCondition")}
        python = {k: c.replace("&&", "and").replace("!", "not ") for k, c in conditions.items()}

        def holds(kind, result, python=python):
            return eval(python[kind], {"result": result, "isNaN": math.isnan})

        limit = float(metric["successCondition"].split()[-1])
        for result, success, failure in (
            ([], False, False),
            ([math.nan], False, False),
            ([limit], True, False),
            ([limit * 1.01], False, True),
            ([math.inf], False, True),
        ):
            assert holds("successCondition", result) == success
            assert holds("failureCondition", result) == failure
        assert metric["inconclusiveLimit"] == looks - 1, "paused if every look found nothing"
        query = metric["provider"]["prometheus"]["query"]
        assert metric["initialDelay"] == "180s" and "[180s]" in query


def test_what_is_given_arrives_and_odd_texts_stay_texts():
    files = plan(
        Rollout(),
        model="digits",
        namespace="vision",
        image='registry.example:5000/a"b',
        stable_version=3,
        candidate_version=4,
        replicas=3,
        max_replicas=30,
        memory="2Gi",
    )
    base = documents(files["kubernetes.yaml"])
    spec = base["Deployment", "digits"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["image"] == 'registry.example:5000/a"b:3'
    assert "--model_base_path=/models/digits" in container["args"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/v1/models/digits"
    assert container["resources"]["limits"]["memory"] == "2Gi"
    assert spec["replicas"] == 3
    scaler = base["HorizontalPodAutoscaler", "digits"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 30)
    spaces = {
        one["metadata"]["namespace"] for text in files.values() for one in documents(text).values()
    }
    assert spaces == {"vision"}


def test_files_are_written_whole_and_replaced(tmp_path):
    files = plan(Rollout())
    (tmp_path / "argo.yaml").write_text("old")
    written = files.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)
    assert {path.name: path.read_text() for path in written} == dict(files)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "My Model"}, "model is 'My Model'; expected a name in Kubernetes"),
        ({"model": "x\nkind: Secret"}, "expected a name in Kubernetes"),
        ({"namespace": ""}, "namespace is ''"),
        ({"replicas": 0}, "replicas is 0"),
        ({"replicas": 5, "max_replicas": 2}, "at least replicas, 5"),
        ({"rollout": Rollout(steps=(0.005, 1))}, "whole percents"),
        ({"rollout": Rollout(analysis=Analysis((Disagreement(),)))}, "analysis would be empty"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(arguments, message):
    rollout = arguments.pop("rollout", Rollout())
    with pytest.raises(ValueError, match=message):
        plan(rollout, **arguments)


# Runs in the TFX environment, which has Kubernetes' own client. Its models are made from the
# published schemas: they know all fields, their types and which of them must be there.
STRICT = """
import json, re, sys
from kubernetes.client import models

PLAIN = {"str": str, "int": int, "float": (int, float), "bool": bool, "object": object}

def read(value, kind, where):
    many = re.fullmatch(r"(list|dict)[\\[(](?:str, )?(.+)[\\])]", kind)
    wanted = {"list": list, "dict": dict}[many[1]] if many else PLAIN.get(kind, dict)
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind == "int"):
        sys.exit(f"{where} is {value!r}; expected {kind}")
    if many:
        places = value.items() if many[1] == "dict" else enumerate(value)
        read_parts = {place: read(one, many[2], f"{where}.{place}") for place, one in places}
        return read_parts if many[1] == "dict" else list(read_parts.values())
    if kind in PLAIN:
        return value
    model = getattr(models, kind)
    names = {name: attribute for attribute, name in model.attribute_map.items()}
    if unknown := value.keys() - names.keys():
        sys.exit(f"{where} has {sorted(unknown)}, which {kind} does not know")
    parts = {
        names[name]: read(one, model.openapi_types[names[name]], f"{where}.{name}")
        for name, one in value.items()
    }
    try:
        return model(**parts)
    except ValueError as problem:
        sys.exit(f"{where}: {problem}")

MODELS = {
    ("v1", "ConfigMap"): "V1ConfigMap",
    ("v1", "Service"): "V1Service",
    ("apps/v1", "Deployment"): "V1Deployment",
    ("autoscaling/v2", "HorizontalPodAutoscaler"): "V2HorizontalPodAutoscaler",
}
for one in json.load(sys.stdin):
    read(one, MODELS[one["apiVersion"], one["kind"]], one["kind"])
    print(one["kind"])
"""
OWN = ("v1", "apps/v1", "autoscaling/v2")


def strictly(manifests):
    return subprocess.run(
        [interpreter(), "-c", STRICT],
        input=json.dumps(manifests),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_kubernetes_own_kinds_follow_their_published_schemas():
    own = [
        one
        for steps in ((0.05, 0.25, 0.5, 1), (0, 0.1, 1))
        for text in plan(Rollout(steps=steps)).values()
        for one in yaml.safe_load_all(text)
        if one["apiVersion"] in OWN
    ]
    checked = strictly(own)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.split() == [one["kind"] for one in own]
    assert set(checked.stdout.split()) == {
        "ConfigMap",
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
    }


@pytest.mark.parametrize(
    ("kind", "spoil", "said"),
    [
        ("Deployment", lambda spec: spec.update(replica=2), "has ['replica']"),
        ("Deployment", lambda spec: spec.update(replicas="2"), "replicas is '2'; expected int"),
        ("Deployment", lambda spec: spec.pop("selector"), "`selector`, must not be `None`"),
        (
            "Deployment",
            lambda spec: spec["template"]["spec"]["containers"][0]["ports"][0].update(name=8500),
            "spec.template.spec.containers.0.ports.0.name is 8500",
        ),
        ("HorizontalPodAutoscaler", lambda spec: spec.pop("maxReplicas"), "`max_replicas`"),
    ],
)
def test_the_check_of_the_schemas_finds_mistakes(files, kind, spoil, said):
    one = copy.deepcopy(files["kubernetes.yaml"][kind, "credit"])
    spoil(one["spec"])
    checked = strictly([one])
    assert checked.returncode and said in checked.stderr
