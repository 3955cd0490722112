//! `cargo run -- demo`: one order of each kind, each followed to its end.

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Context;
use messaging::dead_letter::{Browser, HOLD};
use reqwest::Client;
use serde_json::{Value, json};

use crate::system::System;

/// The cents of the total decide what the simulated payment provider does.
const KINDS: [(&str, &str, End); 6] = [
    ("42.00", "succeeds", End::Paid),
    ("42.90", "is declined", End::Declined),
    ("42.91", "is slow (5 s), then succeeds", End::Paid),
    ("42.92", "fails twice, then succeeds", End::Paid),
    ("42.93", "always fails", End::DeadLettered),
    ("42.94", "takes longer than the visibility timeout", End::Paid),
];
const LOOK: Duration = Duration::from_millis(200);
/// Far beyond what the slowest kind needs.
const PATIENCE: Duration = Duration::from_secs(180);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Pending,
    Paid,
    Declined,
    DeadLettered,
}

struct Line {
    id: String,
    total: &'static str,
    what: &'static str,
    expected: End,
    now: End,
    after: Duration,
}

/// Places the orders and shows each one's way; whether all have reached the end that their kind should reach.
pub async fn run(system: &System) -> anyhow::Result<bool> {
    chassis::tls::install_provider();
    let http = Client::new();
    let orders = format!("http://{}/orders", system.api);
    let begun = Instant::now();
    let mut lines = Vec::new();
    for (total, what, expected) in KINDS {
        let amount: f64 = total.parse()?;
        let order = json!({ "userId": "demo", "total": amount });
        let answer: Value = http.post(&orders).json(&order).send().await?.error_for_status()?.json().await?;
        let id = answer["orderId"].as_str().context("the answer names no order")?.to_owned();
        lines.push(Line { id, total, what, expected, now: End::Pending, after: Duration::ZERO });
    }
    let mut screen = Screen { lines_drawn: 0, terminal: std::io::stdout().is_terminal() };
    screen.draw(&lines, &(0..lines.len()).collect::<Vec<_>>())?;
    while lines.iter().any(|line| line.now == End::Pending) && begun.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
        let dead = dead_lettered(system).await?;
        let mut changed = Vec::new();
        for (place, line) in lines.iter_mut().enumerate().filter(|(_, line)| line.now == End::Pending) {
            let order: Value = http.get(format!("{orders}/{}", line.id)).send().await?.json().await?;
            line.now = match order["status"].as_str() {
                Some("PAID") => End::Paid,
                Some("DECLINED") => End::Declined,
                _ if dead.contains(&line.id) => End::DeadLettered,
                _ => continue,
            };
            line.after = begun.elapsed();
            changed.push(place);
        }
        screen.draw(&lines, &changed)?;
    }
    Ok(lines.iter().all(|line| line.now == line.expected))
}

/// The orders whose message is in the dead-letter queue.
async fn dead_lettered(system: &System) -> anyhow::Result<HashSet<String>> {
    let mut orders = HashSet::new();
    let mut browser = Browser::new(system.dead_letters.clone(), Duration::ZERO, HOLD);
    for letter in browser.next().await? {
        let event: Value = serde_json::from_str(&letter.body).unwrap_or_default();
        orders.extend(event["subject"].as_str().map(str::to_owned));
    }
    browser.give_back().await?;
    Ok(orders)
}

/// A terminal gets its lines redrawn; a file gets a line per change.
struct Screen {
    lines_drawn: usize,
    terminal: bool,
}

impl Screen {
    fn draw(&mut self, lines: &[Line], changed: &[usize]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.terminal && self.lines_drawn > 0 {
            write!(out, "\x1b[{}A", self.lines_drawn)?;
        }
        for (place, line) in lines.iter().enumerate() {
            if self.terminal || changed.contains(&place) {
                let now = match line.now {
                    End::Pending => "PENDING …".to_owned(),
                    End::Paid => format!("PAID           after {:.1} s", line.after.as_secs_f64()),
                    End::Declined => format!("DECLINED       after {:.1} s", line.after.as_secs_f64()),
                    End::DeadLettered => format!("dead-lettered  after {:.1} s", line.after.as_secs_f64()),
                };
                writeln!(out, "  {}  {:<42} {now:<32} {}", line.total, line.what, line.id)?;
            }
        }
        self.lines_drawn = lines.len();
        out.flush()
    }
}
