"""What the templates say, against what the rest of the project says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from templates import AWS, PARTS, ROOT, resources, template

TOOLS = Path(sys.executable).parent


def test_cfn_lint_finds_nothing():
    linted = subprocess.run([TOOLS / "cfn-lint", *(AWS / f"{part}.yaml" for part in PARTS)], capture_output=True, text=True)
    assert (linted.returncode, linted.stdout) == (0, "")


def test_checkov_finds_nothing_but_what_is_explained_in_place():
    checked = subprocess.run(
        [os.environ.get("CHECKOV", "checkov"), "-d", AWS, "--framework", "cloudformation", "--skip-download", "-o", "json"],
        capture_output=True,
        text=True,
    )
    report = json.loads(checked.stdout)
    failed = [(check["check_id"], check["resource"]) for check in report["results"]["failed_checks"]]
    assert failed == []
    assert report["summary"]["passed"] > 0
    # No exception outlives its finding, and each has its reason.
    skipped = {(check["resource"].split(".")[-1], check["check_id"]) for check in report["results"]["skipped_checks"]}
    declared = set()
    for part in PARTS:
        for name, resource in template(part)["Resources"].items():
            for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
                assert skip["comment"], f"{name}: {skip['id']} has no reason"
                declared.add((name, skip["id"]))
    assert declared == skipped


@pytest.mark.parametrize("definition", sorted((ROOT / "localstack/queues").glob("*.json")), ids=lambda path: path.stem)
def test_a_queue_is_what_its_definition_says(definition):
    wanted = json.loads(definition.read_text())
    queues = resources("queues", "AWS::SQS::Queue")
    (written,) = (properties for properties in queues.values() if properties["QueueName"] == definition.stem)
    attributes = {name: value for name, value in written.items() if name != "QueueName"}
    assert attributes.keys() == wanted.keys()
    for name, value in attributes.items():
        if name == "RedrivePolicy":
            policy = json.loads(wanted[name])
            target = queues[value["deadLetterTargetArn"]["Fn::GetAtt"][0]]["QueueName"]
            assert (target, value["maxReceiveCount"]) == (policy["deadLetterTargetArn"].split(":")[-1], policy["maxReceiveCount"])
        else:
            assert type(value) is (bool if value in (True, False) else int)
            assert json.dumps(value) == wanted[name]


def test_no_queue_is_made_that_has_no_definition():
    names = {properties["QueueName"] for properties in resources("queues", "AWS::SQS::Queue").values()}
    assert names == {path.stem for path in (ROOT / "localstack/queues").glob("*.json")}


def test_the_times_of_a_stop_fit_each_other():
    (targets,) = resources("edge", "AWS::ElasticLoadBalancingV2::TargetGroup").values()
    attributes = {attribute["Key"]: attribute["Value"] for attribute in targets["TargetGroupAttributes"]}
    deregistration = int(attributes["deregistration_delay.timeout_seconds"])
    (integration,) = resources("edge", "AWS::ApiGatewayV2::Integration").values()
    longest_request = integration["TimeoutInMillis"] / 1000
    unnoticed = targets["HealthCheckIntervalSeconds"] * targets["UnhealthyThresholdCount"]

    stops = {}
    for task in resources("services", "AWS::ECS::TaskDefinition").values():
        (container,) = task["ContainerDefinitions"]
        environment = {entry["Name"]: entry["Value"] for entry in container["Environment"]}
        delay, timeout = (int(environment[f"SHUTDOWN_{name}_SECONDS"]) for name in ("DELAY", "TIMEOUT"))
        assert type(container["StopTimeout"]) is int
        # The process has ended by itself before it is killed; 120 s is the most that Fargate allows.
        assert delay + timeout + 5 < container["StopTimeout"] <= 120
        stops[container["Name"]] = (delay, timeout)
    delay, timeout = stops["order-service"]
    # A task that is told to stop while it is still a target takes requests until the load balancer has noticed.
    assert unnoticed < delay
    # The longest request is answered, whether the load balancer or the process ends it.
    assert longest_request <= deregistration <= delay + timeout
    assert longest_request <= timeout


def test_every_database_leaves_a_snapshot():
    databases = [
        resource
        for part in PARTS
        for resource in template(part)["Resources"].values()
        if resource["Type"] in ("AWS::RDS::DBInstance", "AWS::RDS::DBCluster")
    ]
    assert databases
    for database in databases:
        assert (database["DeletionPolicy"], database["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
        assert database["Properties"]["StorageEncrypted"] is True
        assert database["Properties"]["PubliclyAccessible"] is False


def test_the_log_lines_that_alarms_count_are_written_by_the_services():
    sources = "".join(path.read_text() for path in ROOT.glob("crates/*/src/**/*.rs"))
    filters = resources("alarms", "AWS::Logs::MetricFilter").values()
    lines = [line for filter in filters for line in re.findall(r'\$\.message = "([^"]+)"', filter["FilterPattern"])]
    assert lines
    assert [line for line in lines if f'"{line}"' not in sources] == []


def test_every_alarm_tells_somebody_and_says_what_it_means():
    for name, alarm in resources("alarms", "AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}], name
        assert len(alarm["AlarmDescription"]) > 40, name


def test_every_default_works():
    for part in PARTS:
        for name, parameter in template(part)["Parameters"].items():
            # The one that ./deploy finds out.
            assert "Default" in parameter or name == "DatabaseCa", f"{part}: {name}"
            assert parameter["Description"], f"{part}: {name}"
