//! The dashboards' queries, as Grafana would send them.

use serde_json::Value;

use crate::prometheus::root;

/// One query of a panel.
#[derive(Clone)]
pub(crate) struct Query {
    pub(crate) dashboard: String,
    pub(crate) panel: String,
    pub(crate) expression: String,
}

/// The queries of all panels, with their variables at "all" and at their defaults.
pub(crate) fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for dashboard in ["orders", "queues", "cost", "workers"] {
        let file = root().join(format!("observability/grafana/dashboards/{dashboard}.json"));
        let model: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        for panel in model["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = target["expr"].as_str().unwrap();
                let variables =
                    [("$__rate_interval", "30s"), ("$instance", ".*"), ("$queue", ".*"), ("$price", "0.40")];
                let expression =
                    variables.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
                let panel = panel["title"].as_str().unwrap().to_owned();
                queries.push(Query { dashboard: dashboard.to_owned(), panel, expression });
            }
        }
    }
    assert!(queries.len() > 40, "{} queries", queries.len());
    queries
}
