//! The queues and their attributes, from the same files as LocalStack's init script.

use std::collections::HashMap;

/// A queue to be created.
#[derive(Clone, Debug)]
pub struct QueueDefinition {
    /// Its name.
    pub name: String,
    /// The attributes of `CreateQueue`.
    pub attributes: HashMap<String, String>,
}

/// Dead-letter queues first: a redrive policy may only name what is there.
const FILES: [(&str, &str); 4] = [
    ("orders-dlq", include_str!("../../../localstack/queues/orders-dlq.json")),
    ("payments-dlq", include_str!("../../../localstack/queues/payments-dlq.json")),
    ("orders", include_str!("../../../localstack/queues/orders.json")),
    ("payments", include_str!("../../../localstack/queues/payments.json")),
];

/// The project's queues in the order in which to create them, with `prefix` before each name.
pub fn definitions(prefix: &str) -> serde_json::Result<Vec<QueueDefinition>> {
    let read = |(name, file): (&str, &str)| {
        let mut attributes: HashMap<String, String> = serde_json::from_str(file)?;
        if let Some(policy) = attributes.get_mut("RedrivePolicy") {
            *policy = policy.replace(&format!(":{name}-dlq"), &format!(":{prefix}{name}-dlq"));
        }
        Ok(QueueDefinition { name: format!("{prefix}{name}"), attributes })
    };
    FILES.into_iter().map(read).collect()
}
