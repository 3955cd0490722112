//! `docs/configuration.md` says what the services read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

use std::collections::{BTreeMap, BTreeSet};

use chassis::telemetry::Telemetry;
use chassis::{Configuration, Environment};
use quickstart::SystemSettings;
use quickstart::cost::Price;

/// A row of one of the page's tables.
#[derive(Debug)]
struct Row {
    default: String,
    allowed: String,
    read_by: String,
}

fn rows() -> BTreeMap<String, Row> {
    let page = file("docs/configuration.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|line| {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        let [name, default, allowed, read_by, meaning] = &cells[..] else { panic!("not five cells: {line}") };
        assert!(!meaning.is_empty(), "{line}");
        (name.clone(), Row { default: default.clone(), allowed: allowed.clone(), read_by: read_by.clone() })
    });
    rows.collect()
}

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// What each of the four asks for, and what it says of `environment`.
fn asked(environment: &Environment) -> [(BTreeSet<String>, String); 4] {
    let readers: [fn(&mut Configuration); 4] = [
        |of| drop((order_service::Settings::read(of), Telemetry::load(of))),
        |of| drop((payment_service::Settings::read(of), Telemetry::load(of))),
        |of| drop((console::Settings::read(of), Telemetry::load(of))),
        |of| drop((SystemSettings::read(of), Price::read(of))),
    ];
    readers.map(|read| {
        let mut configuration = Configuration::new(environment.clone());
        read(&mut configuration);
        let asked = configuration.asked().clone();
        (asked, configuration.whole(()).err().map(|faults| faults.to_string()).unwrap_or_default())
    })
}

#[test]
fn each_variable_is_on_the_page_with_those_who_read_it() {
    let [orders, payments, console, system] = asked(&Environment::default()).map(|(asked, _)| asked);
    let mut read_by = BTreeMap::new();
    for name in orders.iter().chain(&payments).chain(&console).chain(&system) {
        let who = match [&orders, &payments, &console].map(|asked| asked.contains(name)) {
            [true, true, true] => "all",
            [true, true, false] => "both",
            [true, false, false] => "orders",
            [false, true, false] => "payments",
            [false, false, true] => "console",
            [false, false, false] => "cargo run",
            some => panic!("the page has no word for {some:?}: {name}"),
        };
        read_by.insert(name.clone(), who.to_owned());
    }
    // The SDK's own, for one service alone.
    read_by.remove("AWS_ENDPOINT_URL_SQS");
    let on_the_page = rows().into_iter().map(|(name, row)| (name, row.read_by)).filter(|(_, who)| who != "SDK");
    assert_eq!(read_by, on_the_page.collect());
}

#[test]
fn each_default_is_that_of_the_example() {
    let example = file(".env.example");
    let set = example.lines().filter_map(|line| line.trim_start_matches("# ").split_once('='));
    let set = set.filter(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    let defaults: BTreeMap<String, String> = set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let rows = rows();
    assert_eq!(defaults.keys().collect::<Vec<_>>(), rows.keys().collect::<Vec<_>>());
    for (name, row) in rows.iter().filter(|(name, _)| !name.starts_with("AWS_")) {
        let default = if row.default == "–" { "" } else { &row.default };
        assert_eq!(default, defaults[name], "{name}");
    }
}

#[test]
fn each_range_is_the_one_that_is_refused_beyond() {
    let mut ranges = 0;
    for (name, row) in rows() {
        let Some((least, most)) = row.allowed.split_once('–') else { continue };
        let (least, most): (u64, u64) = (least.parse().unwrap(), most.parse().unwrap());
        let environment: Environment = [(name.clone(), (most + 1).to_string())].into_iter().collect();
        let told = asked(&environment).map(|(_, faults)| faults).concat();
        assert!(told.contains(&format!("{name}: must be a whole number from {least} to {most}")), "{name}: {told}");
        ranges += 1;
    }
    assert!(ranges > 10, "{ranges} ranges are on the page");
}
