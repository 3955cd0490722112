"""What the templates say, against what the rest of the project says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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


def test_what_a_stack_imports_has_been_exported_by_one_before_it():
    deployed = re.findall(r"^stack (\w+)$", (AWS / "deploy").read_text(), re.MULTILINE)
    assert sorted(deployed) == PARTS
    removed = re.search(r"for part in ([\w ]+)", (AWS / "remove").read_text()).group(1).split()
    assert removed == deployed[::-1]
    exported = set()
    for part in deployed:
        assert {name["Fn::Sub"] for name in values(template(part), "Fn::ImportValue")} <= exported, part
        exported |= {output["Export"]["Name"]["Fn::Sub"] for output in template(part)["Outputs"].values() if "Export" in output}


def test_a_service_is_made_after_all_that_its_tasks_need():
    """Within a stack; what is in another one is there before it. Else a task might start without its log or a right."""
    made = template("services")["Resources"]
    for service in [name for name, resource in made.items() if resource["Type"] == "AWS::ECS::Service"]:
        before = needed(made, service)
        (log,) = [name for name in made if name == f"{service}Log"]
        assert {log, f"{service}Task", f"{service}Role", f"{service}ExecutionRole"} <= before
        policies = [name for name, resource in made.items() if resource["Type"] == "AWS::ApplicationAutoScaling::ScalingPolicy"]
        assert any({service, f"{service}Scaling"} <= needed(made, policy) for policy in policies)


def needed(made, name):
    """The resources that CloudFormation makes before this one."""
    resource = made[name]
    named = {target for target in values(resource, "Ref")} | {target[0] for target in values(resource, "Fn::GetAtt")}
    for text in values(resource, "Fn::Sub"):
        named |= set(re.findall(r"\$\{(\w+)[.}]", text[0] if isinstance(text, list) else text))
    depends = resource.get("DependsOn", [])
    direct = (named | set(depends if isinstance(depends, list) else [depends])) & made.keys()
    return direct.union(*(needed(made, other) for other in direct))


def values(within, key):
    """What stands under a key, wherever it is."""
    if isinstance(within, dict):
        for name, value in within.items():
            if name == key:
                yield value
            yield from values(value, key)
    elif isinstance(within, list):
        for value in within:
            yield from values(value, key)


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
    assert len(lines) == len(filters)
    # A line whose end differs is known by how it begins.
    written = [f'"{line.removesuffix("*")}' + ("" if line.endswith("*") else '"') for line in lines]
    assert [line for line in written if line not in sources] == []


def test_an_alarm_counts_the_lines_of_both_services():
    alarms = resources("alarms", "AWS::CloudWatch::Alarm").values()
    counting = {alarm["MetricName"] for alarm in alarms if alarm.get("Namespace") == {"Ref": "Name"}}
    counted = [
        (filter["MetricTransformations"][0]["MetricName"], filter["LogGroupName"]["Fn::Sub"])
        for filter in resources("alarms", "AWS::Logs::MetricFilter").values()
    ]
    services = ("order-service", "payment-service")
    assert sorted(counted) == sorted((metric, f"/${{Name}}/{service}") for metric in counting for service in services)


# Which alarms stand for each alert of the Prometheus rules.
ALARMS = {
    "DeadLetter": ["DeadLetterOrders", "DeadLetterPayments"],
    "DeadLettersWaiting": ["DeadLetterOrders", "DeadLetterPayments"],
    "DwellTooLong": ["DwellOrders", "DwellPayments"],
    "OutboxTooOld": ["OutboxTooOld"],
    "EventSetAside": ["EventSetAside"],
    "BreakerOpen": ["BreakerOpen"],
    "LeaseLost": ["LeaseLost"],
    # A task that stalls fails its health check, and is ended.
    "InstanceStalled": ["OrderServiceDown", "PaymentServiceDown"],
    "InstanceDown": ["OrderServiceNotReady", "OrderServiceDown", "PaymentServiceDown"],
    "ServiceDown": ["OrderServiceDown", "PaymentServiceDown"],
    "ErrorBudgetBurnFast": ["ErrorBudgetBurnFast"],
    "ErrorBudgetBurnSlow": ["ErrorBudgetBurnSlow"],
}
# Prometheus does not see the server's disk.
ONLY_HERE = {"DatabaseStorageLow"}


def test_the_alarms_watch_what_the_alerts_watch():
    rules = yaml.safe_load((ROOT / "observability/prometheus/rules/alerts.yml").read_text())
    assert ALARMS.keys() == {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    alarms = resources("alarms", "AWS::CloudWatch::Alarm").keys()
    assert alarms == {alarm for stand_ins in ALARMS.values() for alarm in stand_ins} | ONLY_HERE


def test_every_alarm_tells_somebody_and_says_what_it_means():
    alarms = resources("alarms", "AWS::CloudWatch::Alarm")
    for name, alarm in alarms.items():
        assert alarm["AlarmName"] == {"Fn::Sub": f"${{Name}}-{name}"}
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}], name
        assert len(alarm["AlarmDescription"]) > 40, name
    (dashboard,) = resources("alarms", "AWS::CloudWatch::Dashboard").values()
    shown = re.findall(r"\$\{(\w+)\.Arn\}", dashboard["DashboardBody"]["Fn::Sub"][0])
    assert sorted(shown) == sorted(alarms)
    assert f"{len(alarms)} alarms" in (ROOT / "docs/deployment.md").read_text(), "what they cost is in the page's table"


def test_every_default_works():
    for part in PARTS:
        for name, parameter in template(part)["Parameters"].items():
            # The one that ./deploy finds out.
            assert "Default" in parameter or name == "DatabaseCa", f"{part}: {name}"
            assert parameter["Description"], f"{part}: {name}"
