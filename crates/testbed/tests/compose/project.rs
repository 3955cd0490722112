//! The compose project, from `up` to `down`.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::Value;

use crate::HEALTHY;

/// A running project; taken down, volumes and all, when it is dropped.
pub(crate) struct Project {
    api_port: u16,
    console_port: u16,
    queue_port: u16,
    name: String,
    pub(crate) queue_url: String,
    /// Of Prometheus, Grafana and Jaeger, once [the overlay](Project::observe) is up.
    observing_ports: [u16; 3],
    observed: AtomicBool,
}

impl Project {
    /// Builds the images, starts everything, and waits until all of it is healthy.
    pub(crate) async fn up() -> Self {
        let [api_port, console_port, queue_port] = [(); 3].map(|()| free_port());
        let observing_ports = [(); 3].map(|()| free_port());
        let name = format!("asynctest{}", std::process::id());
        let queue_url = format!("http://127.0.0.1:{queue_port}");
        let observed = AtomicBool::new(false);
        let project = Self { api_port, console_port, queue_port, name, queue_url, observing_ports, observed };
        let begun = Instant::now();
        project.compose(&["build"]);
        println!("built after {:.0} s", begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        project.compose(&["up", "-d"]);
        project.all_healthy().await;
        println!("healthy after {:.0} s", begun.elapsed().as_secs_f64());
        project
    }

    /// An address of the API.
    pub(crate) fn api(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.api_port)
    }

    /// An address of the console.
    pub(crate) fn console(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.console_port)
    }

    /// Adds `docker-compose.observability.yml`, as far as its images can be had, and says what had to be left out.
    pub(crate) async fn observe(&self) {
        self.observed.store(true, Ordering::Relaxed);
        let (mut services, mut left_out) = (vec!["order-service", "payment-service"], Vec::new());
        for service in ["prometheus", "grafana", "jaeger"] {
            match self.try_compose(&["up", "-d", "--no-deps", service]) {
                Ok(_) => services.push(service),
                Err(failed) => {
                    assert!(
                        !self.has_image_of(service),
                        "{service} does not start, although its image is here: {failed}"
                    );
                    println!("{service} is not tested: its image cannot be had here. {failed}");
                    left_out.push(service);
                }
            }
        }
        println!("observed with {}; images that cannot be had here: {left_out:?}", services.join(", "));
        self.compose(&[&["up", "-d", "--no-build"], &*services].concat());
        self.all_healthy().await;
    }

    /// Whether the image that the overlay names for a service is on this machine.
    fn has_image_of(&self, service: &str) -> bool {
        let root: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect();
        let overlay = std::fs::read_to_string(root.join("docker-compose.observability.yml")).unwrap();
        let (_, definition) = overlay.split_once(&format!("\n  {service}:\n")).unwrap();
        let image = definition.lines().find_map(|line| line.trim().strip_prefix("image: ")).unwrap();
        Command::new("docker").args(["image", "inspect", image]).output().is_ok_and(|found| found.status.success())
    }

    /// Prometheus's answer.
    pub(crate) async fn prometheus(&self, path: &str) -> Option<Value> {
        let url = format!("http://127.0.0.1:{}/api/v1/{path}", self.observing_ports[0]);
        Some(testbed::http_client().get(url).send().await.ok()?.json::<Value>().await.ok()?["data"].clone())
    }

    /// Starts or stops workers until there are `count`.
    pub(crate) async fn scale_workers(&self, count: usize) {
        let scale = format!("payment-service={count}");
        // Named, because all of the overlay's services may be more than [can be had](Self::observe).
        self.compose(&["up", "-d", "--no-build", "--scale", &scale, "payment-service"]);
        assert_eq!(self.containers("payment-service").len(), count);
        self.all_healthy().await;
    }

    async fn all_healthy(&self) {
        let begun = Instant::now();
        for service in ["localstack", "postgres", "order-service", "payment-service", "console"] {
            for container in self.containers(service) {
                loop {
                    let state = docker(&["inspect", "-f", "{{.State.Health.Status}}", &container]);
                    if state.trim() == "healthy" {
                        break;
                    }
                    assert!(begun.elapsed() < HEALTHY, "{service} is {state}: {}", docker(&["logs", &container]));
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
            }
        }
    }

    /// Stops everything, and looks whether each service has ended by itself and without an error.
    pub(crate) fn stop_and_expect_clean_exits(&self) {
        self.compose(&["stop"]);
        for service in ["order-service", "payment-service", "console"] {
            for container in self.containers(service) {
                let state: Value =
                    serde_json::from_str(&docker(&["inspect", "-f", "{{json .State}}", &container])).unwrap();
                assert_eq!(state["ExitCode"], 0, "{service}: {}", docker(&["logs", "--tail", "20", &container]));
            }
        }
        self.compose(&["down", "-v"]);
        assert!(docker(&["ps", "-aq", "--filter", &format!("name={}", self.name)]).trim().is_empty());
    }

    /// The ids of a service's containers.
    pub(crate) fn containers(&self, service: &str) -> Vec<String> {
        let label = format!("label=com.docker.compose.project={}", self.name);
        let service = format!("label=com.docker.compose.service={service}");
        docker(&["ps", "-aq", "--filter", &label, "--filter", &service]).split_whitespace().map(str::to_owned).collect()
    }

    /// The id of a service's image.
    pub(crate) fn image_of(&self, service: &str) -> String {
        docker(&["inspect", "-f", "{{.Image}}", &self.containers(service)[0]]).trim().to_owned()
    }

    /// Runs docker-compose, and returns what it prints.
    pub(crate) fn compose(&self, arguments: &[&str]) -> String {
        self.try_compose(arguments).unwrap_or_else(|failed| panic!("docker-compose {arguments:?} failed: {failed}"))
    }

    /// Runs docker-compose, which may fail.
    pub(crate) fn try_compose(&self, arguments: &[&str]) -> Result<String, String> {
        let v1 = Command::new("docker-compose").arg("version").output().is_ok_and(|output| output.status.success());
        let mut command = if v1 { Command::new("docker-compose") } else { Command::new("docker") };
        if !v1 {
            command.arg("compose");
        }
        let root: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect();
        command
            .current_dir(root)
            .env("ORDER_SERVICE_PORT", self.api_port.to_string())
            .env("CONSOLE_PORT", self.console_port.to_string())
            .env("LOCALSTACK_PORT", self.queue_port.to_string())
            .envs(
                ["PROMETHEUS_PORT", "GRAFANA_PORT", "JAEGER_PORT"]
                    .into_iter()
                    .zip(self.observing_ports.map(|port| port.to_string())),
            )
            .env("DOCKER_BUILDKIT", "1")
            .env("COMPOSE_DOCKER_CLI_BUILD", "1")
            .args(["-p", &self.name, "-f", "docker-compose.yml"]);
        if self.observed.load(Ordering::Relaxed) {
            command.args(["-f", "docker-compose.observability.yml"]);
        }
        command.args(arguments);
        printed(command.output().expect("docker-compose is installed"))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self.try_compose(&["logs", "--no-color", "--tail", "50"]);
            eprintln!("{}", logs.unwrap_or_else(|failed| failed));
        }
        // Whatever is still there; a finished test has left nothing.
        let _ = self.try_compose(&["down", "-v", "--rmi", "local"]);
    }
}

pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("docker is installed");
    printed(output).unwrap_or_else(|failed| panic!("docker {arguments:?} failed: {failed}"))
}

fn printed(output: Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
