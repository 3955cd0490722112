"""What ./deploy makes: the queues, and the services that run on them with no more rights than their roles give."""

import json
import os
import signal
import sqlite3
import subprocess
import urllib.request
import uuid

import pytest

from conftest import ACCOUNT, free_port, statements, wait_until
from gate import Gate
from templates import ROOT

BINARIES = ROOT / "target/debug"
DEFINITIONS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "localstack/queues").glob("*.json")}


def attributes(sqs, name):
    """A queue's attributes but those that are its own: name, times, counts."""
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    own = ("QueueArn", "Timestamp", "ApproximateNumberOf", "Policy")
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {key: value for key, value in answer.items() if not any(word in key for word in own)}


def test_the_queues_are_those_that_localstack_would_have(deployed):
    sqs = deployed.client("sqs")
    # The same definitions by the way that LocalStack's script goes, under other names.
    for name in sorted(DEFINITIONS, key=lambda name: not name.endswith("-dlq")):
        definition = json.loads(json.dumps(DEFINITIONS[name]).replace("000000000000", ACCOUNT).replace("-dlq", "-dlq-reference"))
        sqs.create_queue(QueueName=f"{name}-reference", Attributes=definition)
    for name, definition in DEFINITIONS.items():
        made, wanted = attributes(sqs, name), attributes(sqs, f"{name}-reference")
        if policy := made.pop("RedrivePolicy", None):
            made_policy, wanted_policy = json.loads(policy), json.loads(wanted.pop("RedrivePolicy"))
            assert made_policy["deadLetterTargetArn"] + "-reference" == wanted_policy["deadLetterTargetArn"]
            assert int(made_policy["maxReceiveCount"]) == int(wanted_policy["maxReceiveCount"])
        assert made == wanted
        assert made.items() >= {(key, value) for key, value in definition.items() if key != "RedrivePolicy"}


@pytest.fixture
def service(deployed, tmp_path):
    """Starts a service as ECS would: its role's rights and credentials, and what its task definition sets."""
    started = []

    def start(name, role, arguments=(), ports=()):
        gate = Gate(deployed.endpoint, ACCOUNT, statements(deployed, "microservices-async-services", role))
        tasks = deployed.client("ecs").describe_task_definition(taskDefinition=f"microservices-async-{name}")
        (container,) = tasks["taskDefinition"]["containerDefinitions"]
        environment = {entry["name"]: entry["value"] for entry in container["environment"]}
        environment |= {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": gate.url,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{gate.url}/credentials",
            "DATABASE_URL": f"sqlite://{tmp_path}/{name}.db",
            "SHUTDOWN_DELAY_SECONDS": "0",
            **{variable: str(port) for variable, port in ports},
        }
        log = open(tmp_path / f"{name}.log", "w")
        process = subprocess.Popen([BINARIES / name, *arguments], env=environment, cwd=tmp_path, stdout=log, stderr=log)
        started.append(process)
        return gate, process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in started:
        process.wait(60)


def place(api, total):
    body = json.dumps({"userId": "test", "total": total}).encode()
    request = urllib.request.Request(f"{api}/orders", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        assert response.status == 202
        return json.load(response)["orderId"]


def status(api, order):
    with urllib.request.urlopen(f"{api}/orders/{order}") as response:
        return json.load(response)["status"]


def test_the_services_use_every_right_of_their_roles_and_need_no_other(deployed, service, tmp_path):
    port, admin, worker_admin = free_port(), free_port(), free_port()
    api = f"http://127.0.0.1:{port}"
    orders, order_service = service("order-service", "OrderServiceRole", ports=[("PORT", port), ("ADMIN_PORT", admin)])
    payments, _ = service("payment-service", "PaymentServiceRole", ports=[("ADMIN_PORT", worker_admin)])
    wait_until(lambda: urllib.request.urlopen(f"{api}/readyz").status == 200, "the order service")
    wait_until(lambda: urllib.request.urlopen(f"http://127.0.0.1:{worker_admin}/readyz").status == 200, "the worker")

    # An order that is paid, and one that succeeds at the third try.
    paid, retried = place(api, 42.00), place(api, 42.92)
    wait_until(lambda: status(api, paid) == "PAID", "an order is paid")
    wait_until(lambda: status(api, retried) == "PAID", "an order is paid at the third try")

    # What nobody can read goes to the dead letters, in both directions.
    sqs = deployed.client("sqs")
    url = lambda name: sqs.get_queue_url(QueueName=name)["QueueUrl"]  # noqa: E731
    waiting = lambda name: attributes_count(sqs, url(name))  # noqa: E731
    for queue in ("orders", "payments"):
        sqs.send_message(QueueUrl=url(queue), MessageBody="not an event")
        wait_until(lambda: waiting(f"{queue}-dlq") == 1, f"a dead letter of {queue}")

    # A result for an order in a state that this version does not know is held, and given back at the end.
    newer = place(api, 42.91)
    with sqlite3.connect(tmp_path / "order-service.db", timeout=20) as database:
        assert database.execute("UPDATE orders SET status = 'NEWER' WHERE order_id = ?", [newer]).rowcount == 1
    log = tmp_path / "order-service.log"
    wait_until(lambda: "which a newer version of this service knows" in log.read_text(), "a result is held")
    order_service.send_signal(signal.SIGTERM)
    assert order_service.wait(60) == 0

    for gate in (orders, payments):
        assert gate.denied == set()
        assert gate.allowed - gate.used == set()

    # Dead letters are worked on by people, with a role of their own. moto knows no move tasks.
    for arguments in (["list"], ["--queue", "payments", "list"], ["redrive", "--all"], ["purge", "--yes"]):
        people, process = service("payment-service", "DeadLetterRole", arguments=["dlq", *arguments])
        process.wait(60)
        assert people.denied == set(), arguments
        assert people.used, arguments


def attributes_count(sqs, url):
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_what_no_template_knows_is_refused(deployed):
    refused = deployed.run(ROOT / "deploy/aws/deploy", "Redundnat=yes")
    assert refused.returncode == 1
    assert "no template has a parameter Redundnat" in refused.stderr


def test_a_database_that_cannot_be_set_up_ends_the_deployment(deployed):
    failed = deployed.run(ROOT / "deploy/aws/deploy", EXIT_CODE="3")
    assert failed.returncode == 1
    assert "exit code 3" in failed.stderr
    assert "-services" not in failed.stdout


def test_queues_that_hold_messages_are_not_removed(deployed):
    sqs = deployed.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="payments-dlq")["QueueUrl"], MessageBody=str(uuid.uuid4()))
    refused = deployed.run(ROOT / "deploy/aws/remove")
    assert refused.returncode == 1
    assert "each of them somebody's order" in refused.stderr
    stacks = deployed.client("cloudformation").describe_stacks()["Stacks"]
    assert len(stacks) == 6


# The last one: nothing is there after it.
def test_all_of_it_is_removed(deployed):
    removed = deployed.run(ROOT / "deploy/aws/remove", WITH_MESSAGES="yes")
    assert removed.returncode == 0, removed.stdout + removed.stderr
    assert deployed.client("cloudformation").describe_stacks()["Stacks"] == []
    # But for the queues that another test compares them with.
    left = deployed.client("sqs").list_queues().get("QueueUrls", [])
    assert [url for url in left if not url.endswith("-reference")] == []
    vpcs = deployed.client("ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]
    assert vpcs == []
