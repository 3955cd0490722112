//! The whole system in one process, and its page in a browser.

use std::time::Duration;

use chassis::{Configuration, Environment};
use quickstart::{System, SystemSettings};
use serde_json::Value;
use tempfile::TempDir;
use testbed::{eventually, http_client};

use crate::browser::Browser;

pub(crate) struct Scene {
    pub(crate) browser: Browser,
    pub(crate) system: System,
    /// What the page asks may lead here and nowhere else.
    origin: String,
    _directory: TempDir,
}

const PLACED: &str = "is placed: PENDING";

/// What has `text` as its name.
pub(crate) fn button(name: &str) -> String {
    format!("//button[normalize-space()='{name}']")
}

/// A row of the latest orders that says `text`.
pub(crate) fn order(text: &str) -> String {
    format!("//section[@id='orders']//tbody/tr[contains(.,'{text}')]")
}

/// A place of the picture that is as `status` says.
pub(crate) fn place(id: &str, status: &str) -> String {
    format!("//li[@data-place='{id}'][@data-status='{status}']")
}

impl Scene {
    pub(crate) async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        // What a killed worker held comes back soon.
        let environment: Environment = [("RETRY_BASE_SECONDS", "1")].into_iter().collect();
        let mut configuration = Configuration::new(environment);
        let settings = SystemSettings::read(&mut configuration);
        let settings = configuration.whole(settings).unwrap().on_free_ports();
        let settings = settings.with_default_visibility_timeout(Duration::from_secs(4));
        let system = System::start(settings, directory.path()).await.unwrap();
        let origin = format!("http://127.0.0.1:{}", system.console.port());
        let browser = Browser::start().await;
        browser.open(&origin).await;
        browser.is_told("Connected", 1).await;
        Self { browser, system, origin, _directory: directory }
    }

    /// Places one of the kind by the page's own means.
    pub(crate) async fn place(&self, kind: &str) {
        let before = self.browser.told(PLACED).await;
        self.browser.click(&format!("//select[@id='kind']/option[@value='{kind}']")).await;
        self.browser.click(&button("Place order")).await;
        self.browser.is_told(PLACED, before + 1).await;
    }

    pub(crate) async fn switch(&self, name: &str) {
        self.browser.click(&format!("//button[@role='switch'][normalize-space()='{name}']")).await;
    }

    /// As the API counts them, beyond what the page shows.
    pub(crate) async fn orders_become(&self, status: &str, count: usize) {
        let list = format!("http://{}/orders?limit=200&status={status}", self.system.api);
        eventually(&format!("{count} orders are {status}"), async || {
            let (mut found, mut after) = (0, String::new());
            loop {
                let page: Value = http_client().get(format!("{list}{after}")).send().await.ok()?.json().await.ok()?;
                found += page["orders"].as_array()?.len();
                match page["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => return (found == count).then_some(()),
                }
            }
        })
        .await;
    }

    /// Nothing went wrong in the browser, and it asked nobody else.
    pub(crate) async fn end(self) {
        assert_eq!(self.browser.complaints().await, [""; 0]);
        let requests = self.browser.requests().await;
        assert!(requests.iter().any(|url| url.ends_with("/events")), "{requests:?}");
        let elsewhere: Vec<_> = requests.iter().filter(|url| !self.is_own(url)).collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
        self.browser.close().await;
        self.system.stop().await.unwrap();
    }

    /// What a browser starts with is its own and asked of nobody; `data:` carries its answer itself.
    fn is_own(&self, url: &str) -> bool {
        url.starts_with(&format!("{}/", self.origin)) || url.starts_with("chrome://") || url.starts_with("data:")
    }
}
