//! What both services serve on `/metrics`, and what `docs/metrics.md` says of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use chassis::Configuration;
use quickstart::{System, SystemSettings};
use serde_json::json;
use tempfile::TempDir;
use testbed::{eventually, http_client};

/// A family's type and labels, by the name under which Prometheus stores it.
type Families = BTreeMap<String, (String, BTreeSet<String>)>;

#[tokio::test(flavor = "multi_thread")]
async fn every_series_is_on_the_page_and_every_one_on_the_page_is_served() {
    let directory = TempDir::new().unwrap();
    let mut configuration = Configuration::new([("QUEUE_METRICS_SECONDS", "1")].into_iter().collect());
    let settings = SystemSettings::read(&mut configuration);
    let settings = configuration.whole(settings).unwrap().on_free_ports();
    let system = System::start(settings, directory.path()).await.unwrap();
    let order = json!({ "userId": "dev-user", "total": 42.00 });
    let placed = http_client().post(format!("http://{}/orders", system.api)).json(&order).send().await.unwrap();
    assert_eq!(placed.status(), 202);

    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md")).unwrap();
    for (service, admin) in [("orders", system.orders_admin), ("payments", system.payments_admin)] {
        let documented = documented(&page, service);
        eventually(&format!("{service} serves what is documented"), async || {
            let (openmetrics, text) = (served(admin, "*/*").await, served(admin, "text/plain").await);
            assert_eq!(openmetrics.keys().collect::<Vec<_>>(), text.keys().collect::<Vec<_>>());
            if openmetrics == documented {
                return Some(());
            }
            let differs = |families: &Families, from: &Families| {
                families
                    .iter()
                    .filter(|(name, family)| from.get(*name) != Some(family))
                    .map(|f| format!("{f:?}"))
                    .collect()
            };
            let (only_served, only_documented): (Vec<_>, Vec<_>) =
                (differs(&openmetrics, &documented), differs(&documented, &openmetrics));
            eprintln!("{service}: served {only_served:#?}, documented {only_documented:#?}");
            None
        })
        .await;
    }
    system.stop().await.unwrap();
}

/// The rows of the page's tables that are about `service`.
fn documented(page: &str, service: &str) -> Families {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let families = rows.filter_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, place, meaning, _] = cells[..] else { panic!("not six cells: {row}") };
        assert!(!meaning.is_empty(), "{row}");
        let labels = labels.split_whitespace().map(|label| label.trim_matches('`').to_owned()).collect();
        ["both", service].contains(&place).then(|| (name.trim_matches('`').to_owned(), (kind.to_owned(), labels)))
    });
    families.collect()
}

async fn served(admin: SocketAddr, accept: &str) -> Families {
    let answer = http_client().get(format!("http://{admin}/metrics")).header("accept", accept).send().await.unwrap();
    let text = answer.text().await.unwrap();
    let mut families = Families::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let suffix = if kind == "counter" && !name.ends_with("_total") { "_total" } else { "" };
            families.insert(format!("{name}{suffix}"), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let (name, labels) = line.split_once('{').unwrap_or((line.split(' ').next().unwrap(), "}"));
            let family = ["", "_bucket", "_sum", "_count"]
                .into_iter()
                .find_map(|suffix| name.strip_suffix(suffix).filter(|name| families.contains_key(*name)));
            let family = families.get_mut(family.unwrap_or_else(|| panic!("{line} is of no family"))).unwrap();
            let labels = labels[..labels.rfind('}').unwrap()].split(',').filter_map(|label| label.split_once('='));
            family.1.extend(labels.map(|(label, _)| label.to_owned()).filter(|label| label != "le"));
        }
    }
    families
}
