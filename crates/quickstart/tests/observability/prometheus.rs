//! A Prometheus in a container, that scrapes what runs on this machine.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use reqwest::Url;
use serde_json::Value;
use tempfile::TempDir;
use testbed::{eventually, http_client};

pub(crate) const IMAGE: &str = "prom/prometheus:v2.53.3";

/// The formats of `/metrics`, by Prometheus's names.
const OPEN_METRICS: &str = "OpenMetricsText1.0.0";
const TEXT: &str = "PrometheusText0.0.4";

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) struct Prometheus {
    container: String,
    url: String,
    _configuration: TempDir,
}

impl Prometheus {
    /// With the project's rules, and a job of its service's name per target. Another job per target asks it for its other
    /// format: what that answers is parsed, and counted nowhere.
    pub(crate) async fn start(orders_admin: SocketAddr, payments_admin: SocketAddr) -> Self {
        let configuration = TempDir::new().unwrap();
        let mut text = "global: { scrape_interval: 1s, evaluation_interval: 1s }\n\
                        rule_files: [/rules/*.yml]\n\
                        scrape_configs:\n"
            .to_owned();
        for (service, admin, format, other) in [
            ("order-service", orders_admin, OPEN_METRICS, TEXT),
            ("payment-service", payments_admin, TEXT, OPEN_METRICS),
        ] {
            let target = format!("static_configs: [{{ targets: ['{admin}'] }}]");
            text += &format!("- {{ job_name: {service}, scrape_protocols: [{format}], {target} }}\n");
            let dropped = "metric_relabel_configs: [{ action: drop, regex: '.*' }]";
            text += &format!("- {{ job_name: {service}-{other}, scrape_protocols: [{other}], {target}, {dropped} }}\n");
        }
        std::fs::write(configuration.path().join("prometheus.yml"), text).unwrap();
        readable_by_all(configuration.path());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let rules = root().join("observability/prometheus/rules");
        let container = docker(&[
            "run",
            "-d",
            "--rm",
            "--network=host",
            "-v",
            &format!("{}:/configuration:ro", configuration.path().display()),
            "-v",
            &format!("{}:/rules:ro", rules.display()),
            IMAGE,
            "--config.file=/configuration/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            &format!("--web.listen-address=127.0.0.1:{port}"),
        ]);
        let url = format!("http://127.0.0.1:{port}");
        let prometheus = Self { container: container.trim().to_owned(), url, _configuration: configuration };
        eventually("Prometheus is up", async || prometheus.try_get("targets", &[]).await).await;
        prometheus
    }

    async fn try_get(&self, path: &str, parameters: &[(&str, &str)]) -> Option<Value> {
        let url = Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), parameters).unwrap();
        http_client().get(url).send().await.ok()?.json().await.ok()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.try_get(path, &[]).await.unwrap()["data"].clone()
    }

    /// The answer to a query: its series with their values. An error is the query's fault.
    pub(crate) async fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let answer = self.try_get("query", &[("query", expression)]).await.unwrap();
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let result = answer["data"]["result"].as_array().unwrap();
        let value = |series: &Value| series["value"][1].as_str().unwrap().parse::<f64>().unwrap();
        result.iter().map(|series| (series["metric"].clone(), value(series))).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", docker(&["logs", "--tail", "30", &self.container]));
        }
        docker(&["rm", "-f", &self.container]);
    }
}

/// Prometheus runs as nobody.
fn readable_by_all(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Has promtool look at the project's files, or at what it is given.
pub(crate) fn promtool(arguments: &[&str], input: Option<&str>) {
    let files = format!("{}:/etc/prometheus:ro", root().join("observability/prometheus").display());
    let mut command = Command::new("docker");
    command.args(["run", "--rm", "-i", "--entrypoint", "promtool", "-v", &files, IMAGE]).args(arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docker is installed");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.unwrap_or_default().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "promtool {arguments:?}: {}", said(&output));
    println!("promtool {}: ok", arguments.join(" "));
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("docker is installed");
    assert!(output.status.success(), "docker {arguments:?}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
