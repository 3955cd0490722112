//! `.env.example` works as it is: whatever is uncommented, the services and `cargo run` start with it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

use std::collections::BTreeSet;
use std::path::Path;

use chassis::telemetry::Telemetry;
use chassis::{Configuration, Environment};
use quickstart::SystemSettings;
use quickstart::cost::Price;
use quickstart::system::DECIDED;

/// The lines that set a variable, uncommented.
fn lines() -> Vec<String> {
    let file = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.env.example")).unwrap();
    let uncommented = file.lines().map(|line| line.trim_start_matches("# "));
    uncommented.filter(|line| name(line).is_some()).map(str::to_owned).collect()
}

fn name(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_').then_some(name)
}

/// What each of the four makes of a `.env`, and every variable that they have asked for.
fn load(dot_env: &str) -> ([String; 4], BTreeSet<String>) {
    let environment = Environment::of_dot_env(dot_env).unwrap();
    let mut asked = BTreeSet::new();
    let mut load = |mut configuration: Configuration, read: fn(&mut Configuration) -> String| {
        let settings = format!("{} {:?}", read(&mut configuration), Telemetry::load(&mut configuration));
        asked.extend(configuration.asked().iter().cloned());
        configuration.whole(settings).unwrap_or_else(|faults| panic!("{dot_env}: {faults}"))
    };
    let loaded = [
        load(Configuration::new(environment.clone()), |of| format!("{:?}", order_service::Settings::read(of))),
        load(Configuration::new(environment.clone()), |of| format!("{:?}", payment_service::Settings::read(of))),
        load(Configuration::new(environment.clone()), |of| format!("{:?}", console::Settings::read(of))),
        load(Configuration::new(environment.without(&DECIDED)), |of| {
            format!("{:?} {:?}", SystemSettings::read(of), Price::read(of))
        }),
    ];
    (loaded, asked)
}

#[test]
fn each_line_uncommented_alone_or_with_all_others_is_the_default() {
    let lines = lines();
    let (default, _) = load("");
    for line in &lines {
        assert_eq!(load(line).0, default, "{line}");
    }
    assert_eq!(load(&lines.join("\n")).0, default);
    // Read in the same way by a shell and by docker, neither of which knows of comments behind a value.
    assert!(lines.iter().all(|line| !line.contains(char::is_whitespace)), "{lines:#?}");
}

#[test]
fn every_variable_that_is_read_is_in_the_file() {
    let listed: BTreeSet<String> = lines().iter().map(|line| name(line).unwrap().to_owned()).collect();
    let (_, mut asked) = load("");
    // The SDK's own, for one service alone.
    asked.remove("AWS_ENDPOINT_URL_SQS");
    assert_eq!(asked.difference(&listed).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn one_file_serves_both_services_whose_databases_and_admin_ports_stay_their_own() {
    let ([orders, payments, ..], _) =
        load("PORT=4001\nPAYMENT_PROVIDER_URL=http://localhost:9000\nRATE_LIMIT_PER_SECOND=5");
    assert!(orders.contains("orders.db") && orders.contains("admin_port: 3011") && orders.contains("4001"), "{orders}");
    assert!(payments.contains("payments.db") && payments.contains("admin_port: 3012"), "{payments}");
}
