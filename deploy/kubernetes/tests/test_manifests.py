"""Both overlays as `kubectl kustomize` builds them, against Kubernetes' own schemas, KEDA's, and what the project says.

KEDA's objects are held against models made from its definitions; that they are what KEDA's own admission accepts, and what
any cluster does with all this, is not tested here."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.keda import v1alpha1 as keda

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parents[1]
OVERLAYS = ["local", "aws"]
SERVICES = ["order-service", "payment-service"]
pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)


@cache
def built(overlay):
    kubectl = Path(sys.executable).parent / "kubectl"
    text = subprocess.run([kubectl, "kustomize", HERE / "overlays" / overlay], check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(text))


def kinds(overlay, kind):
    return {found["metadata"]["name"]: found for found in built(overlay) if found["kind"] == kind}


def fields_without_meaning(model, given, path=""):
    """Those fields of `given` that the model has dropped, because its schema does not know them."""
    known = json.loads(model.model_dump_json(by_alias=True, exclude_unset=True))
    return sorted(set(paths(given)) - set(paths(known)))


def paths(value, path=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, f"{path}[{index}]")
    else:
        yield path


def test_every_object_is_of_its_schema(overlay):
    checked = 0
    for found in built(overlay):
        if found["apiVersion"].startswith("keda.sh/"):
            model = getattr(keda, found["kind"]).model_validate(found)
            assert fields_without_meaning(model, found) == []
        else:
            kubernetes_validate.validate(found, "1.37", strict=True)
        checked += 1
    assert checked > 15


def test_pods_are_restricted(overlay):
    for name in SERVICES:
        pod = kinds(overlay, "Deployment")[name]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["automountServiceAccountToken"] is False


def test_a_pod_is_given_longer_than_its_service_takes_to_stop(overlay):
    for name in SERVICES:
        pod = kinds(overlay, "Deployment")[name]["spec"]["template"]["spec"]
        environment = {entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]}
        delay, timeout = (int(environment[f"SHUTDOWN_{part}_SECONDS"]) for part in ("DELAY", "TIMEOUT"))
        assert delay + timeout + 5 < pod["terminationGracePeriodSeconds"]
        probe = pod["containers"][0]["readinessProbe"]
        if name == "order-service":
            assert probe["periodSeconds"] * probe["failureThreshold"] < delay


def test_probes_ask_the_admin_port(overlay):
    for name, port in zip(SERVICES, (3011, 3012)):
        (container,) = kinds(overlay, "Deployment")[name]["spec"]["template"]["spec"]["containers"]
        ports = {entry["name"]: entry["containerPort"] for entry in container["ports"]}
        assert ports["admin"] == port
        asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
        assert asked == {
            "startup": {"path": "/healthz", "port": "admin"},
            "liveness": {"path": "/healthz", "port": "admin"},
            "readiness": {"path": "/readyz", "port": "admin"},
        }


def test_whatever_an_object_names_is_there(overlay):
    # The two passwords come from outside in the cloud.
    outside = {"orders-database", "payments-database"} if overlay == "aws" else set()
    maps, secrets = kinds(overlay, "ConfigMap").keys(), kinds(overlay, "Secret").keys() | outside
    workloads = {**kinds(overlay, "Deployment"), **kinds(overlay, "StatefulSet")}
    for workload in workloads.values():
        pod = workload["spec"]["template"]["spec"]
        for source in pod["containers"][0].get("envFrom", []):
            if "configMapRef" in source:
                assert source["configMapRef"]["name"] in maps
            else:
                assert source["secretRef"]["name"] in secrets
        for volume in pod.get("volumes", []):
            assert volume["configMap"]["name"] in maps
        if account := pod.get("serviceAccountName"):
            assert account in kinds(overlay, "ServiceAccount")
    for budget in kinds(overlay, "PodDisruptionBudget").values():
        assert budget["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] in workloads
    for scaler in [*kinds(overlay, "HorizontalPodAutoscaler").values(), *kinds(overlay, "ScaledObject").values()]:
        assert scaler["spec"]["scaleTargetRef"]["name"] in workloads
    for trigger in kinds(overlay, "ScaledObject")["payment-service"]["spec"]["triggers"]:
        assert trigger["authenticationRef"]["name"] in kinds(overlay, "TriggerAuthentication")
        assert trigger["metadata"]["queueURL"].endswith("/orders")
    for authentication in kinds(overlay, "TriggerAuthentication").values():
        for reference in authentication["spec"].get("secretTargetRef", []):
            assert reference["name"] in secrets


def test_every_pod_is_behind_the_policy_that_lets_nothing_through(overlay):
    nothing = kinds(overlay, "NetworkPolicy")["nothing"]["spec"]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_pods_credentials_can_be_had_in_the_cloud(overlay):
    if overlay == "local":
        pytest.skip("LocalStack takes any credentials")
    policy = kinds(overlay, "NetworkPolicy")["to-queue-and-database"]["spec"]
    allowed = [(to["ipBlock"]["cidr"], port["port"]) for rule in policy["egress"] for to in rule["to"] for port in rule["ports"]]
    # STS, which IRSA asks, and the agent of EKS Pod Identity.
    assert ("0.0.0.0/0", 443) in allowed
    assert ("169.254.170.23/32", 80) in allowed
    (selected,) = policy["podSelector"]["matchExpressions"]
    assert selected == {"key": "app.kubernetes.io/name", "operator": "In", "values": SERVICES}


def test_the_variables_are_those_that_the_services_know(overlay):
    known = {line.lstrip("# ").split("=")[0] for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line}
    # PostgreSQL's own, which its driver reads.
    known |= {"PGPASSWORD", "PGSSLROOTCERT"}
    for name, found in {**kinds(overlay, "ConfigMap"), **kinds(overlay, "Secret")}.items():
        if "settings" in name or name.startswith(("orders-database", "payments-database")):
            assert {**found.get("data", {})}.keys() <= known, name


def test_the_queues_and_scripts_are_those_of_docker_compose(overlay):
    if overlay == "aws":
        pytest.skip("queues and databases are made by CloudFormation")
    files = {key: text for found in kinds(overlay, "ConfigMap").values() for key, text in found["data"].items()}
    for path in [*ROOT.glob("localstack/queues/*.json"), *ROOT.glob("localstack/init/ready.d/*"), *ROOT.glob("postgres/init/*")]:
        assert files[path.name] == path.read_text()
