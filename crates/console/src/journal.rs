//! What the services of this process log about orders: where all of them run in one, the console can tell an order's
//! whole story. A bounded ring, the oldest lines leave it first.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// About twenty lines for each of a thousand orders.
const MOST_LINES: usize = 20_000;
/// Of a field's value, so many characters.
const MOST_CHARACTERS: usize = 300;
const ORDER_ID: &str = "order_id";

/// One line about an order.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) order_id: String,
    pub(crate) service: &'static str,
    pub(crate) message: String,
    pub(crate) fields: Vec<(&'static str, String)>,
}

/// The lines; cheap to clone. As a layer of the process's logs it writes down what it hears.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<VecDeque<Line>>>);

impl Journal {
    /// What has been logged about an order, oldest first.
    pub(crate) fn about(&self, order_id: &str) -> Vec<Line> {
        self.lines().iter().filter(|line| line.order_id == order_id).cloned().collect()
    }

    fn add(&self, line: Line) {
        let mut lines = self.lines();
        if lines.len() >= MOST_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn lines(&self) -> MutexGuard<'_, VecDeque<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fields of an event or a span.
#[derive(Default)]
struct Fields {
    message: String,
    order_id: Option<String>,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn take(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            ORDER_ID => self.order_id = Some(value),
            name => self.others.push((name, value.chars().take(MOST_CHARACTERS).collect())),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Journal {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut service = service(event.metadata().target());
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                if fields.order_id.is_none() {
                    fields.order_id.clone_from(&of_span.order_id);
                }
                fields.others.extend(of_span.others.iter().cloned());
            }
            // What the parts of a service say, they say for it.
            service = service.or_else(|| self::service(span.metadata().target()));
        }
        let (Some(order_id), Some(service)) = (fields.order_id, service) else { return };
        self.add(Line { at: Timestamp::now(), order_id, service, message: fields.message, fields: fields.others });
    }
}

fn service(target: &str) -> Option<&'static str> {
    match target.split("::").next() {
        Some("order_service") => Some("order-service"),
        Some("payment_service") => Some("payment-service"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tracing::field::Empty;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn a_line_belongs_to_the_order_that_its_span_is_about_and_to_the_service_whose_span_it_is() {
        let journal = Journal::default();
        let subscriber = tracing_subscriber::registry().with(journal.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "elsewhere", order_id = "o-3", "not a service's");
            let span = tracing::error_span!(target: "payment_service::orders", "charge", order_id = Empty, attempt = 2);
            let _entered = span.enter();
            tracing::info!(target: "sqs::consumer", "of no order yet");
            span.record("order_id", "o-1");
            tracing::info!(target: "sqs::consumer", reason = "it failed", "will retry");
            tracing::info!(target: "order_service", order_id = %"o-2", "order accepted");
        });
        let lines = journal.about("o-1");
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].service, lines[0].message.as_str()), ("payment-service", "will retry"));
        assert_eq!(lines[0].fields, [("reason", "it failed".to_owned()), ("attempt", "2".to_owned())]);
        assert_eq!(journal.about("o-2")[0].service, "order-service");
        assert!(journal.about("o-3").is_empty());
    }

    #[test]
    fn the_oldest_lines_leave_first() {
        let journal = Journal::default();
        for number in 0..=MOST_LINES {
            let (at, message) = (Timestamp::now(), String::new());
            journal.add(Line { at, order_id: number.to_string(), service: "s", message, fields: vec![] });
        }
        assert_eq!(journal.lines().len(), MOST_LINES);
        assert!(journal.about("0").is_empty() && !journal.about("1").is_empty());
    }
}
