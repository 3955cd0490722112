"""The roles' set-up and the services' way to the database, on a PostgreSQL whose certificate a private authority has signed
and whose user is no superuser, as with RDS."""

import os
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import free_port, wait_until
from templates import AWS, ROOT

has_docker = bool(shutil.which("docker")) and subprocess.run(["docker", "info"], capture_output=True).returncode == 0
pytestmark = pytest.mark.skipif(not has_docker, reason="no Docker engine here")


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, **more).stdout.strip()


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    """Two authorities; the first has signed the server's certificate, which is for localhost."""
    place = tmp_path_factory.mktemp("tls")
    for name in ("ours", "another"):
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.pem", cwd=place)  # fmt: skip
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=database", "-keyout", "server.key", "-out", "server.csr", cwd=place)
    (place / "names").write_text("subjectAltName=DNS:localhost\n")
    run("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ours.pem", "-CAkey", "ours.key", "-CAcreateserial", "-days", "2",
        "-extfile", "names", "-out", "server.pem", cwd=place)  # fmt: skip
    return place


@pytest.fixture(scope="module")
def port(authorities):
    serve = (
        "install -o postgres -m 600 /tls/server.key /tls/server.pem /run/ && exec docker-entrypoint.sh postgres"
        " -c ssl=on -c ssl_cert_file=/run/server.pem -c ssl_key_file=/run/server.key"
    )
    server = run("docker", "run", "-d", "-e", "POSTGRES_PASSWORD=super", "-v", f"{authorities}:/tls:ro", "-p", "127.0.0.1::5432",
                 "--entrypoint", "bash", "postgres:17", "-c", serve)  # fmt: skip
    try:
        # Over TCP: the server that runs the init scripts listens on the socket only.
        psql = ("docker", "exec", "-e", "PGPASSWORD=super", server, "psql", "-h", "127.0.0.1", "-U", "postgres", "-qtc")
        wait_until(lambda: run(*psql, "SELECT 1"), "PostgreSQL")
        run(*psql, "CREATE ROLE master LOGIN CREATEDB CREATEROLE PASSWORD 'master''s'")
        yield run("docker", "port", server, "5432/tcp").splitlines()[0].rsplit(":")[-1]
    finally:
        subprocess.run(["docker", "rm", "-fv", server], capture_output=True)


def set_up(port, authority, passwords):
    image = run("docker", "build", "-q", AWS / "database-setup")
    variables = {
        "PGHOST": "localhost",
        "PGPORT": port,
        "PGUSER": "master",
        "PGPASSWORD": "master's",
        "PGSSLMODE": "verify-full",
        "DATABASE_CA": authority.read_text(),
        **passwords,
    }
    options = [option for name, value in variables.items() for option in ("-e", f"{name}={value}")]
    return subprocess.run(
        ["docker", "run", "--rm", "--network", "host", "--read-only", "--tmpfs", "/tmp", *options, image],
        capture_output=True, text=True, timeout=60,  # fmt: skip
    )


def readiness(service, port, password, authority, host, tmp_path):
    """What /readyz says once the service has tried to reach its database, as its task definition has it reach it."""
    admin = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "DATABASE_URL": f"postgres://orders@{host}:{port}/orders?sslmode=verify-full",
        "PGPASSWORD": password,
        "PGSSLROOTCERT": authority.read_text(),
        "PORT": "0",
        "ADMIN_PORT": str(admin),
        "SHUTDOWN_TIMEOUT_SECONDS": "1",
    }
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen([ROOT / "target/debug" / service], env=environment, cwd=tmp_path, stdout=log, stderr=log)
    try:
        def asked():
            if process.poll() is not None:
                return "ended"
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz").read().decode()
            except urllib.error.HTTPError as error:
                return error.read().decode()

        answer = wait_until(asked, "an answer")
        return answer + (tmp_path / "log").read_text()
    finally:
        process.terminate()
        process.wait(30)


def test_each_service_has_a_database_of_its_own_over_verified_tls(port, authorities, tmp_path):
    ours, another = authorities / "ours.pem", authorities / "another.pem"
    first = set_up(port, ours, {"ORDERS_DB_PASSWORD": "first", "PAYMENTS_DB_PASSWORD": "first"})
    assert (first.returncode, first.stdout) == (0, "database orders: ready\ndatabase payments: ready\n"), first.stderr
    # Again, after the secrets have changed.
    again = set_up(port, ours, {"ORDERS_DB_PASSWORD": "it's new: %/@?#", "PAYMENTS_DB_PASSWORD": "other"})
    assert again.returncode == 0, again.stderr

    assert '"database":"up"' in readiness("order-service", port, "it's new: %/@?#", ours, "localhost", tmp_path)
    for password, authority, host, reason in [
        ("first", ours, "localhost", "password authentication failed"),
        ("it's new: %/@?#", another, "localhost", "invalid peer certificate: UnknownIssuer"),
        ("it's new: %/@?#", ours, "127.0.0.1", "certificate not valid for name"),
    ]:
        answer = readiness("order-service", port, password, authority, host, tmp_path)
        assert reason in answer

    # Nor does one service's role reach the other's database.
    refused = subprocess.run(
        ["docker", "run", "--rm", "--network", "host", "-e", "PGPASSWORD=other", "--entrypoint", "psql", "postgres:17",
         "-h", "localhost", "-p", port, "-U", "payments", "-d", "orders", "-c", "SELECT 1"],
        capture_output=True, text=True,  # fmt: skip
    )
    assert "permission denied for database" in refused.stderr


def test_the_set_up_does_not_speak_to_a_server_that_another_authority_vouches_for(port, authorities):
    refused = set_up(port, authorities / "another.pem", {"ORDERS_DB_PASSWORD": "x", "PAYMENTS_DB_PASSWORD": "x"})
    assert refused.returncode != 0
    assert "certificate verify failed" in refused.stderr
