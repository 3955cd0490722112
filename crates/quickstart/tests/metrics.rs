//! What both services serve on `/metrics`, and what `docs/metrics.md` says of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use chassis::Configuration;
use opentelemetry_semantic_conventions::{attribute, metric};
use quickstart::{System, SystemSettings};
use serde_json::json;
use tempfile::TempDir;
use testbed::{eventually, http_client};

/// What is known of a series, by the name under which Prometheus stores it.
type Families = BTreeMap<String, Family>;

#[derive(Debug, Default, PartialEq)]
struct Family {
    kind: String,
    /// Base units only: OpenMetrics tells no others.
    unit: Option<String>,
    labels: BTreeSet<String>,
}

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

    for (service, admin) in [("orders", system.orders_admin), ("payments", system.payments_admin)] {
        let documented = documented(service);
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

#[test]
fn what_the_semantic_conventions_have_a_name_for_is_called_so() {
    let name = |convention: &str| convention.replace('.', "_");
    let labels = |names: &[&str]| names.iter().map(|of| name(of)).collect::<BTreeSet<String>>();
    let messages = labels(&[attribute::MESSAGING_OPERATION_NAME, attribute::MESSAGING_DESTINATION_NAME]);
    let operations = &messages | &labels(&[attribute::ERROR_TYPE]);
    let requests =
        labels(&[attribute::HTTP_REQUEST_METHOD, attribute::HTTP_ROUTE, attribute::HTTP_RESPONSE_STATUS_CODE]);
    let documented = documented("orders");
    for (convention, suffix, labels) in [
        (metric::HTTP_SERVER_REQUEST_DURATION, "_seconds", &requests),
        (metric::MESSAGING_CLIENT_OPERATION_DURATION, "_seconds", &operations),
        (metric::MESSAGING_CLIENT_SENT_MESSAGES, "_total", &messages),
        (metric::MESSAGING_CLIENT_CONSUMED_MESSAGES, "_total", &messages),
        (metric::MESSAGING_PROCESS_DURATION, "_seconds", &operations),
    ] {
        let family = documented.get(&(name(convention) + suffix));
        assert_eq!(family.map(|family| &family.labels), Some(labels), "{convention}");
    }
}

/// The rows of the page's tables that are about `service`.
fn documented(service: &str) -> Families {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let families = rows.filter_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, unit, labels, place, meaning, odd] = cells[..] else { panic!("not seven cells: {row}") };
        assert!(![kind, unit, meaning, odd].contains(&""), "{row}");
        let unit = Some(unit.to_owned()).filter(|unit| ["seconds", "bytes"].contains(&unit.as_str()));
        let labels = labels.split_whitespace().map(|label| label.trim_matches('`').to_owned()).collect();
        let family = Family { kind: kind.to_owned(), unit, labels };
        ["both", service].contains(&place).then(|| (name.trim_matches('`').to_owned(), family))
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
            families.insert(format!("{name}{suffix}"), Family { kind: kind.to_owned(), ..Family::default() });
        } else if let Some((name, unit)) = line.strip_prefix("# UNIT ").and_then(|rest| rest.split_once(' ')) {
            let stored =
                [name.to_owned(), format!("{name}_total")].into_iter().find(|name| families.contains_key(name));
            families.get_mut(&stored.unwrap()).unwrap().unit = Some(unit.to_owned());
        } else if !line.starts_with('#') {
            let (name, labels) = line.split_once('{').unwrap_or((line.split(' ').next().unwrap(), "}"));
            let family = ["", "_bucket", "_sum", "_count"]
                .into_iter()
                .find_map(|suffix| name.strip_suffix(suffix).filter(|name| families.contains_key(*name)));
            let family = families.get_mut(family.unwrap_or_else(|| panic!("{line} is of no family"))).unwrap();
            let labels = labels[..labels.rfind('}').unwrap()].split(',').filter_map(|label| label.split_once('='));
            family.labels.extend(labels.map(|(label, _)| label.to_owned()).filter(|label| label != "le"));
        }
    }
    families
}
