//! `cargo run -- demo`: one order of each kind, each followed to its end.

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::Client;
use serde_json::{Value, json};
use sqs::dead_letter::{Browser, HOLD};

use crate::cost::{self, Price};
use crate::system::System;

/// The cents of the total decide what the simulated payment provider does.
const KINDS: [(&str, &str, End, TakenBack); 8] = [
    ("42.00", "succeeds", End::Paid, TakenBack::Never),
    ("42.90", "is declined", End::Declined, TakenBack::Never),
    ("42.91", "is slow (5 s), then succeeds", End::Paid, TakenBack::Never),
    ("42.92", "fails twice, then succeeds", End::Paid, TakenBack::Never),
    ("42.93", "always fails", End::DeadLettered, TakenBack::Never),
    ("42.94", "takes longer than the visibility timeout", End::Paid, TakenBack::Never),
    ("42.93", "is taken back before it is charged", End::Cancelled, TakenBack::Early),
    ("42.95", "is taken back once it is paid", End::Refunded, TakenBack::Late),
];
const LOOK: Duration = Duration::from_millis(200);
/// Far beyond what the slowest kind needs, and twice so long is less than the two minutes that all of it may take.
const PATIENCE: Duration = Duration::from_secs(50);
/// Longer than five receives with their backoff would last.
const AWAY: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Pending,
    Cancelling,
    Paid,
    Declined,
    Cancelled,
    Refunded,
    DeadLettered,
}

/// When the demo takes an order back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TakenBack {
    Never,
    /// At once.
    Early,
    /// Once it is paid.
    Late,
}

struct Line {
    id: String,
    total: &'static str,
    what: &'static str,
    expected: End,
    taken_back: TakenBack,
    placed: Instant,
    now: End,
    after: Duration,
}

/// Places the orders and shows each one's way; whether all have reached the end that their kind should reach.
pub async fn run(system: &System, price: Price) -> anyhow::Result<bool> {
    let mut demo = Demo::new(system);
    for (total, what, expected, taken_back) in KINDS {
        demo.place(total, what, expected, taken_back).await?;
    }
    demo.follow().await?;
    if let Some(provider) = &system.simulated_provider {
        provider.take_away();
        demo.place("42.00", "finds the provider away for 10 s", End::Paid, TakenBack::Never).await?;
        tokio::time::sleep(AWAY).await;
        provider.give_back();
        demo.follow().await?;
    }
    println!("{}", cost::line(system, demo.lines.len(), price).await?);
    Ok(demo.lines.iter().all(|line| line.now == line.expected))
}

struct Demo<'a> {
    system: &'a System,
    http: Client,
    orders: String,
    lines: Vec<Line>,
    screen: Screen,
}

impl<'a> Demo<'a> {
    fn new(system: &'a System) -> Self {
        chassis::tls::install_provider();
        let screen = Screen { lines_drawn: 0, terminal: std::io::stdout().is_terminal() };
        let orders = format!("http://{}/orders", system.api);
        Self { system, http: Client::new(), orders, lines: Vec::new(), screen }
    }

    async fn place(
        &mut self,
        total: &'static str,
        what: &'static str,
        expected: End,
        taken_back: TakenBack,
    ) -> anyhow::Result<()> {
        let amount: f64 = total.parse()?;
        let order = json!({ "userId": "demo", "total": amount });
        let answer: Value = self.http.post(&self.orders).json(&order).send().await?.error_for_status()?.json().await?;
        let id = answer["orderId"].as_str().context("the answer names no order")?.to_owned();
        let placed = Instant::now();
        let mut now = End::Pending;
        if taken_back == TakenBack::Early {
            cancel(&self.http, &self.orders, &id).await?;
            now = End::Cancelling;
        }
        self.lines.push(Line { id, total, what, expected, taken_back, placed, now, after: Duration::ZERO });
        self.screen.draw(&self.lines, &[self.lines.len() - 1])?;
        Ok(())
    }

    /// Shows each change until all orders have reached their end, or patience has.
    async fn follow(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.lines.iter().any(Line::is_open) && begun.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
            let dead = dead_lettered(self.system).await?;
            let mut changed = Vec::new();
            for (place, line) in self.lines.iter_mut().enumerate().filter(|(_, line)| line.is_open()) {
                let order: Value = self.http.get(format!("{}/{}", self.orders, line.id)).send().await?.json().await?;
                line.now = match order["status"].as_str() {
                    Some("PAID") if line.taken_back == TakenBack::Late => {
                        cancel(&self.http, &self.orders, &line.id).await?;
                        End::Cancelling
                    }
                    Some("PAID") => End::Paid,
                    Some("DECLINED") => End::Declined,
                    Some("CANCELLED") => End::Cancelled,
                    Some("REFUNDED") => End::Refunded,
                    _ if dead.contains(&line.id) => End::DeadLettered,
                    _ => continue,
                };
                line.after = line.placed.elapsed();
                changed.push(place);
            }
            self.screen.draw(&self.lines, &changed)?;
        }
        Ok(())
    }
}

impl Line {
    fn is_open(&self) -> bool {
        matches!(self.now, End::Pending | End::Cancelling)
    }
}

async fn cancel(http: &Client, orders: &str, id: &str) -> anyhow::Result<()> {
    http.post(format!("{orders}/{id}/cancel")).send().await?.error_for_status()?;
    Ok(())
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
                let name = match line.now {
                    End::Pending => "PENDING",
                    End::Cancelling => "CANCELLING",
                    End::Paid => "PAID",
                    End::Declined => "DECLINED",
                    End::Cancelled => "CANCELLED",
                    End::Refunded => "REFUNDED",
                    End::DeadLettered => "dead-lettered",
                };
                let now = match line.is_open() {
                    true => format!("{name} …"),
                    false => format!("{name:<13}  after {:.1} s", line.after.as_secs_f64()),
                };
                writeln!(out, "  {}  {:<42} {now:<32} {}", line.total, line.what, line.id)?;
            }
        }
        self.lines_drawn = lines.len();
        out.flush()
    }
}
