//! A real Chromium, driven through chromedriver, that keeps a record of what went wrong in it and of whom it asked.

use std::net::TcpListener;
use std::process::Stdio;

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{eventually, http_client};
use tokio::process::{Child, Command};

pub(crate) struct Browser {
    client: Client,
    /// Where chromedriver takes commands that WebDriver does not know.
    session: String,
    _driver: Child,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed");
        let profile = TempDir::new().unwrap();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1360,1000",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let url = format!("http://127.0.0.1:{port}");
        let client = eventually("a browser session", async || {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities.as_object().unwrap().clone());
            builder.connect(&url).await.ok()
        })
        .await;
        let session = format!("{url}/session/{}", client.session_id().await.unwrap().unwrap());
        Self { client, session, _driver: driver, _profile: profile }
    }

    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Clicks what `xpath` leads to, once it can be clicked.
    pub(crate) async fn click(&self, xpath: &str) {
        eventually(&format!("{xpath} can be clicked"), async || {
            self.client.find(Locator::XPath(xpath)).await.ok()?.click().await.ok()
        })
        .await;
    }

    pub(crate) async fn sees(&self, xpath: &str) {
        eventually(&format!("the page has {xpath}"), async || self.has(xpath).await.then_some(())).await;
    }

    pub(crate) async fn sees_no(&self, xpath: &str) {
        eventually(&format!("the page has no {xpath}"), async || (!self.has(xpath).await).then_some(())).await;
    }

    /// A line that the foot of the page has said, be it the newest or not, at least so many times.
    pub(crate) async fn is_told(&self, text: &str, times: usize) {
        eventually(&format!("the page tells {text:?}"), async || (self.told(text).await >= times).then_some(())).await;
    }

    pub(crate) async fn told(&self, text: &str) -> usize {
        let script = "return [...document.querySelectorAll('[role=log] p')].map(({ textContent }) => textContent)";
        let lines = self.run(script).await;
        lines.as_array().unwrap().iter().filter(|line| line.as_str().unwrap().contains(text)).count()
    }

    async fn has(&self, xpath: &str) -> bool {
        let Ok(element) = self.client.find(Locator::XPath(xpath)).await else { return false };
        element.is_displayed().await.unwrap_or(false)
    }

    /// To whatever has the focus.
    pub(crate) async fn press(&self, key: Key) {
        let focused = self.client.active_element().await.unwrap();
        focused.send_keys(&char::from(key).to_string()).await.unwrap();
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// For a script that calls its last argument back.
    pub(crate) async fn run_async(&self, script: &str) -> Value {
        self.client.execute_async(script, vec![]).await.unwrap()
    }

    /// A viewport so wide, under a colour scheme.
    pub(crate) async fn looks(&self, width: u32, scheme: &str) {
        let metrics = json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// As somebody sets it whom motion makes ill.
    pub(crate) async fn wants_no_motion(&self) {
        let features = json!([{ "name": "prefers-reduced-motion", "value": "reduce" }]);
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    async fn tell(&self, command: &str, parameters: Value) {
        self.ask("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await;
    }

    async fn ask(&self, path: &str, body: Value) -> Value {
        let answer = http_client().post(format!("{}/{path}", self.session)).json(&body).send().await.unwrap();
        let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
        answer["value"].clone()
    }

    /// Kept for whoever wants to see it, if `SCREENSHOTS` names a directory.
    pub(crate) async fn screenshot(&self, name: &str) {
        if let Some(directory) = std::env::var_os("SCREENSHOTS") {
            let png = self.client.screenshot().await.unwrap();
            std::fs::write(std::path::Path::new(&directory).join(format!("{name}.png")), png).unwrap();
        }
    }

    /// What the browser has complained of since it was last asked.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.ask("se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().unwrap().iter();
        entries.filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG").map(Value::to_string).collect()
    }

    /// Every address that has been asked since it was last asked for.
    pub(crate) async fn requests(&self) -> Vec<String> {
        let log = self.ask("se/log", json!({ "type": "performance" })).await;
        let events = log.as_array().unwrap().iter().filter_map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let event = &event["message"];
            let url = event["params"]["request"]["url"].as_str()?;
            (event["method"] == "Network.requestWillBeSent").then(|| url.to_owned())
        });
        events.collect()
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
    }
}
