//! The state as the page gets it: `GET /events`. Built from what is known, it asks nobody.

use jiff::Timestamp;
use serde::Serialize;

use crate::api::Order;
use crate::charts::Charts;
use crate::kinds::Kind;
use crate::orders::Latest;
use crate::picture::{Move, Place};
use crate::price::Price;
use crate::queues::{Letter, Seen};
use crate::switches::Switches;
use crate::thousand::Progress;

/// Of a letter's body, so much is in the state; all of it is asked for when it is opened.
const EXCERPT: usize = 300;

/// Everything that the page shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State<'a> {
    pub(crate) at: Timestamp,
    pub(crate) listeners: usize,
    pub(crate) places: Vec<Place>,
    pub(crate) moves: Vec<Move>,
    pub(crate) orders: ShownOrders,
    pub(crate) dead_letters: ShownLetters,
    pub(crate) charts: &'a Charts,
    pub(crate) cost: Cost,
    pub(crate) thousand: Option<Progress>,
    pub(crate) switches: Vec<ShownSwitch>,
    pub(crate) kinds: [Kind; 7],
}

/// Something with a name.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Named<T> {
    pub(crate) name: String,
    pub(crate) value: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownOrders {
    as_of: Option<Timestamp>,
    problem: Option<String>,
    latest: Vec<ShownOrder>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownOrder {
    #[serde(flatten)]
    order: Order,
    /// From its acceptance to its end.
    took_ms: Option<i64>,
    #[serde(rename = "final")]
    is_final: bool,
    cancellable: bool,
    dead_letter: Option<Whereabouts>,
}

/// Where a dead letter is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Whereabouts {
    queue: String,
    message_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownLetters {
    as_of: Option<Timestamp>,
    problem: Option<String>,
    queues: Vec<ShownQueue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownQueue {
    queue: Option<String>,
    source: String,
    count: Option<u64>,
    more: bool,
    letters: Vec<ShownLetter>,
}

/// A dead letter at a glance.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownLetter {
    message_id: String,
    order_id: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    kind: String,
    reason: String,
    sent_at: Option<Timestamp>,
    receive_count: Option<u32>,
    excerpt: String,
}

/// All of a dead letter.
#[derive(Serialize)]
pub(crate) struct WholeLetter {
    #[serde(flatten)]
    letter: ShownLetter,
    body: String,
    attributes: Vec<Named<String>>,
}

/// What the orders since the console's start have cost.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cost {
    requests: f64,
    orders: f64,
    requests_per_order: Option<f64>,
    dollars_per_million_orders: Option<f64>,
    price_per_million_requests: f64,
    console_requests: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownSwitch {
    id: &'static str,
    label: &'static str,
    on: bool,
    says: &'static str,
    off_says: &'static str,
}

impl ShownOrder {
    pub(crate) fn of(order: &Order, seen: &Seen) -> Self {
        let (is_final, order) = (order.is_final(), order.clone());
        let took = order.updated_at.as_millisecond() - order.created_at.as_millisecond();
        let dead_letter = seen.pairs.iter().find_map(|pair| {
            let queue = pair.dead_letter_queue.clone()?;
            let letter = pair.letters.iter().find(|letter| letter.is_about(&order.order_id))?;
            let message_id = letter.message_id.clone();
            Some(Whereabouts { queue, message_id })
        });
        let cancellable = order.is_cancellable();
        Self { took_ms: is_final.then_some(took), is_final, cancellable, dead_letter, order }
    }
}

impl ShownOrders {
    pub(crate) fn of(latest: &Latest, seen: &Seen) -> Self {
        let shown = latest.orders.iter().map(|order| ShownOrder::of(order, seen)).collect();
        Self { as_of: latest.read, problem: latest.problem.clone(), latest: shown }
    }
}

impl ShownLetters {
    pub(crate) fn of(seen: &Seen, sources: [&str; 2]) -> Self {
        let queues = seen.pairs.iter().zip(sources).map(|(pair, source)| ShownQueue {
            queue: pair.dead_letter_queue.clone(),
            source: source.to_owned(),
            count: pair.dead_letter_depth.map(|depth| depth.all()),
            more: pair.more,
            letters: pair.letters.iter().map(|letter| ShownLetter::of(letter)).collect(),
        });
        Self { as_of: seen.read, problem: seen.problem.clone(), queues: queues.collect() }
    }
}

impl ShownLetter {
    fn of(letter: &Letter) -> Self {
        Self {
            message_id: letter.message_id.clone(),
            order_id: letter.order_id.clone(),
            event_type: letter.event_type.clone(),
            kind: letter.kind().to_owned(),
            reason: letter.reason().to_owned(),
            sent_at: Timestamp::from_millisecond(letter.sent_at).ok().filter(|_| letter.sent_at > 0),
            receive_count: letter.receive_count(),
            excerpt: letter.body.chars().take(EXCERPT).collect(),
        }
    }
}

impl WholeLetter {
    pub(crate) fn of(letter: &Letter) -> Self {
        let named = |(name, value): (&String, &String)| Named { name: name.clone(), value: value.clone() };
        let attributes = letter.attributes.iter().map(named).collect();
        Self { letter: ShownLetter::of(letter), body: letter.body.clone(), attributes }
    }
}

impl Cost {
    pub(crate) fn of(requests: f64, orders: f64, console_requests: f64, price: Price) -> Self {
        let per_order = (orders > 0.0).then(|| requests / orders);
        Self {
            requests,
            orders,
            requests_per_order: per_order,
            dollars_per_million_orders: per_order.map(|per_order| price.per_million_orders(per_order)),
            price_per_million_requests: price.per_million_requests(),
            console_requests,
        }
    }
}

impl ShownSwitch {
    pub(crate) fn all(switches: &Switches) -> Vec<Self> {
        let shown = |switch: &crate::switches::Switch| Self {
            id: switch.id,
            label: switch.label,
            on: switch.is_on(),
            says: switch.says,
            off_says: switch.off_says,
        };
        switches.all().map(shown).collect()
    }
}
