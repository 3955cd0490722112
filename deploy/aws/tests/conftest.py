"""Everything deployed by ./deploy on moto's server, as far as that knows CloudFormation."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
import yaml

from templates import AWS

TOOLS = Path(sys.executable).parent
ACCOUNT = "123456789012"


def wait_until(condition, what, patience=60):
    """Until `condition` gives something; what fails meanwhile is not there yet."""
    end = time.monotonic() + patience
    while True:
        try:
            if found := condition():
                return found
            last = "nothing"
        except Exception as error:  # noqa: BLE001: told below, if it is still so then
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {patience} s, {last}")
        time.sleep(0.1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def deployed(tmp_path_factory):
    endpoint = f"http://127.0.0.1:{free_port()}"
    scratch = tmp_path_factory.mktemp("deployed")
    with open(scratch / "moto.log", "w") as log:
        server = subprocess.Popen([TOOLS / "moto_server", "-H", "127.0.0.1", "-p", endpoint.rsplit(":")[-1]], stdout=log, stderr=log)
    try:
        wait_until(lambda: urllib.request.urlopen(f"{endpoint}/moto-api/").status == 200, "moto's server")
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        environment = {
            **os.environ,
            **keys,
            "PATH": f"{AWS}/tests/bin:{TOOLS}:{os.environ['PATH']}",
            "REAL_AWS": str(TOOLS / "aws"),
            "AWS_ENDPOINT_URL": endpoint,
            "IMAGES": "skip",
            "VERSION": "test",
            "DATABASE_CA": "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----",
        }
        run = lambda *command, **more: subprocess.run(  # noqa: E731
            command, env={**environment, **more}, capture_output=True, text=True, timeout=300
        )
        made = run(AWS / "deploy", "AllowedWaitSeconds=45")
        assert made.returncode == 0, made.stdout + made.stderr
        client = lambda service: boto3.client(  # noqa: E731
            service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        yield SimpleNamespace(endpoint=endpoint, run=run, client=client, said=made.stdout)
    finally:
        server.terminate()
        server.wait()


def statements(deployed, stack, logical_id):
    """The policy of a role as it was deployed."""
    resource = deployed.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    role = resource["StackResourceDetail"]["PhysicalResourceId"]
    iam = deployed.client("iam")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    # moto answers Python's own notation.
    return (yaml.safe_load(document) if isinstance(document, str) else document)["Statement"]
