//! What the pure parts cost: packing batches, the events' codec, reading a total.

use std::hint::black_box;

use contracts::{Currency, Event, OrderCreated, OrderEvent};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use order_service::total::OrderTotal;
use sqs::OutgoingMessage;
use sqs::gathering::Gathering;
use uuid::Uuid;

const MESSAGES: usize = 1_000;

fn event() -> Event<OrderEvent> {
    let order_id = Uuid::from_u128(0x019c_1a52_7e3f_7b10_8a43_5b8a_0f6c_2d11);
    let payload = OrderCreated { order_id, user_id: "dev-user".to_owned(), amount: 4_200, currency: Currency::USD };
    Event::new(order_id, "/order-service", Timestamp::UNIX_EPOCH, OrderEvent::Created(payload))
}

fn message(id: usize) -> OutgoingMessage {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned();
    let message = OutgoingMessage::new(event().encode()).with_id(id.to_string()).with_subject(id.to_string());
    message.with_attribute("traceparent", trace)
}

fn pack(messages: Vec<OutgoingMessage>) {
    let mut gathering = Gathering::default();
    for message in messages {
        let bytes = message.bytes();
        gathering.push(message, bytes);
    }
    while let Some(batch) = gathering.take() {
        black_box(batch);
    }
}

fn batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batches");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    let messages: Vec<_> = (0..MESSAGES).map(message).collect();
    group.bench_function("pack 1,000 messages", |bench| {
        bench.iter_batched(|| messages.clone(), pack, BatchSize::SmallInput);
    });
    group.finish();
}

fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("events");
    let (event, text) = (event(), event().encode());
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("encode order.created", |bench| bench.iter(|| black_box(&event).encode()));
    group.bench_function("decode order.created", |bench| {
        bench.iter(|| Event::<OrderEvent>::decode(black_box(&text)));
    });
    group.finish();
}

fn totals(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("totals");
    for number in ["42.00", "999999.99", "4.2e1"] {
        group.bench_function(number, |bench| bench.iter(|| OrderTotal::parse(black_box(number))));
    }
    group.finish();
}

criterion_group!(pure, batches, events, totals);
criterion_main!(pure);
