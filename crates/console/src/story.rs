//! One order's story: what happened to it, in order of time.
//!
//! Where the services run in this process their own lines tell all of it. Elsewhere the console knows what everybody may
//! know: what the API says, what it has seen of the order's statuses, and the dead letters.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use sqs::TraceContext;
use sqs::trace::TRACEPARENT;

use crate::http::Problem;
use crate::journal::{Journal, Line};
use crate::orders::{Orders, Remembered};
use crate::queues::{Letter, Queues};
use crate::state::{Named, ShownOrder};

const WITHOUT_LINES: &str = "The services run elsewhere: this is what their API, the dead-letter queues and this console have \
                             seen. Receives, attempts and the charge stand in the services’ logs and traces; under \
                             `cargo run` they are shown here.";
const LINES_GONE: &str = "The first lines about this order are no longer remembered, or are of an earlier start.";

/// An order, and what happened to it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Story {
    order: ShownOrder,
    trace_id: Option<String>,
    /// Whether it is all that happened.
    complete: bool,
    /// Why it is not.
    note: Option<&'static str>,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    at: Timestamp,
    since_ms: i64,
    who: &'static str,
    kind: &'static str,
    what: String,
    fields: Vec<Named<String>>,
}

/// Who tells them.
#[derive(Debug)]
pub(crate) struct Stories {
    pub(crate) orders: Arc<Orders>,
    pub(crate) queues: Arc<Queues>,
    /// None: the services run elsewhere.
    pub(crate) journal: Option<Journal>,
}

impl Stories {
    pub(crate) async fn of(&self, order_id: &str) -> Result<Story, Problem> {
        let order = self.orders.api().order(order_id).await?;
        let seen = self.queues.seen();
        let letters = seen.pairs.iter().flat_map(|pair| {
            pair.letters.iter().map(|letter| (pair.dead_letter_queue.as_deref().unwrap_or_default(), letter))
        });
        let letters: Vec<(&str, &Arc<Letter>)> =
            letters.filter(|(_, letter)| letter.is_about(&order.order_id)).collect();
        let lines = self.journal.as_ref().map(|journal| journal.about(&order.order_id)).unwrap_or_default();
        let remembered = self.orders.remembered(&order.order_id);
        let told = |line: &Line| line.message == "order accepted";
        let complete = lines.iter().any(told);
        let note = match &self.journal {
            None => Some(WITHOUT_LINES),
            Some(_) => (!complete).then_some(LINES_GONE),
        };
        let trace_id = trace_of(&lines)
            .or_else(|| remembered.trace.as_ref().map(|trace| trace.id().to_owned()))
            .or_else(|| letters.iter().find_map(|(_, letter)| trace_of_letter(letter)));
        let accepted = order.created_at;
        let mut steps: Vec<Step> = lines.into_iter().map(|line| of_line(line, accepted)).collect();
        if !complete {
            steps.extend(of_the_api(&order, remembered));
        }
        if !steps.iter().any(|step| step.kind == "dead-lettered") {
            steps.extend(letters.iter().map(|(queue, letter)| of_letter(queue, letter, accepted)));
        }
        steps.sort_by_key(|step| step.at);
        Ok(Story { order: ShownOrder::of(&order, &seen), trace_id, complete, note, steps })
    }
}

fn trace_of(lines: &[Line]) -> Option<String> {
    let fields = lines.iter().flat_map(|line| &line.fields);
    fields.filter(|(name, _)| *name == "trace_id").map(|(_, id)| id.clone()).next()
}

fn trace_of_letter(letter: &Letter) -> Option<String> {
    let trace: TraceContext = letter.attributes.get(TRACEPARENT)?.parse().ok()?;
    Some(trace.trace_id())
}

fn step(at: Timestamp, accepted: Timestamp, who: &'static str, kind: &'static str, what: impl Into<String>) -> Step {
    Step {
        at,
        since_ms: (at.as_millisecond() - accepted.as_millisecond()).max(0),
        who,
        kind,
        what: what.into(),
        fields: vec![],
    }
}

fn of_line(line: Line, accepted: Timestamp) -> Step {
    let Line { at, service, message, fields, .. } = line;
    let fields = fields.into_iter().filter(|(name, _)| !matches!(*name, "trace_id" | "span_id"));
    let fields = fields.map(|(name, value)| Named { name: name.to_owned(), value }).collect();
    Step { fields, ..step(at, accepted, service, kind(&message), message) }
}

/// What a line is about; a line that is not known here is shown all the same.
fn kind(message: &str) -> &'static str {
    let kinds = [
        ("order accepted", "accepted"),
        ("order sent again", "placed-again"),
        ("order published", "published"),
        ("result published", "published"),
        ("order received", "received"),
        ("cancellation received", "received"),
        ("order charged", "charged"),
        ("order declined", "declined"),
        ("will retry", "retry"),
        ("held", "held"),
        ("dead-lettered", "dead-lettered"),
        ("cancellation", "cancelled"),
        ("order taken back", "refunded"),
        ("order is being taken back", "cancelled"),
        ("order settled", "settled"),
    ];
    kinds.into_iter().find(|(begin, _)| message.starts_with(begin)).map_or("other", |(_, kind)| kind)
}

fn of_the_api(order: &crate::api::Order, Remembered { statuses, .. }: Remembered) -> Vec<Step> {
    let accepted = order.created_at;
    let total = Named { name: "total".to_owned(), value: format!("{} {}", order.total, order.currency) };
    let mut steps =
        vec![Step { fields: vec![total], ..step(accepted, accepted, "order-service", "accepted", "order accepted") }];
    let seen = statuses.iter().filter(|(_, status)| status != "PENDING" && *status != order.status);
    steps.extend(seen.map(|(at, status)| step(*at, accepted, "console", "other", format!("seen as {status}"))));
    if order.status != "PENDING" {
        let kind = if order.is_final() { "settled" } else { "other" };
        steps.push(step(order.updated_at, accepted, "order-service", kind, format!("order is {}", order.status)));
    }
    steps
}

fn of_letter(queue: &str, letter: &Letter, accepted: Timestamp) -> Step {
    // When it became a dead letter, SQS does not say: it keeps the time of sending.
    let sent = Timestamp::from_millisecond(letter.sent_at).unwrap_or(accepted);
    let fields = [("queue", queue), ("failure-type", letter.kind()), ("reason", letter.reason())];
    let fields = fields.map(|(name, value)| Named { name: name.to_owned(), value: value.to_owned() });
    let what = "its message, sent then, is a dead letter";
    Step { fields: fields.into(), ..step(sent, accepted, "queue", "dead-lettered", what) }
}
