//! The queues and their attributes, from the same files as LocalStack's init script.

use std::collections::HashMap;
use std::path::Path;
use std::{fmt, fs, io};

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

/// A directory of definitions, or a file in it, cannot be read.
#[derive(Debug)]
pub struct DefinitionsUnreadable(String);

impl fmt::Display for DefinitionsUnreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DefinitionsUnreadable {}

/// The queues that the files `NAME.json` of a directory define, in the order in which to create them.
pub fn read_definitions(directory: &Path) -> Result<Vec<QueueDefinition>, DefinitionsUnreadable> {
    let unreadable = |path: &Path, why: &dyn fmt::Display| DefinitionsUnreadable(format!("{}: {why}", path.display()));
    let files = fs::read_dir(directory).and_then(|files| files.collect::<io::Result<Vec<_>>>());
    let mut queues = Vec::new();
    for file in files.map_err(|error| unreadable(directory, &error))? {
        let path = file.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        let attributes = serde_json::from_slice(&text).map_err(|error| unreadable(&path, &error))?;
        queues.push(QueueDefinition { name, attributes });
    }
    queues.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(targets_first(queues))
}

/// A queue comes after the one that its redrive policy names, if that is among them.
fn targets_first(mut queues: Vec<QueueDefinition>) -> Vec<QueueDefinition> {
    let mut ordered: Vec<QueueDefinition> = Vec::new();
    while !queues.is_empty() {
        let waits = |queue: &QueueDefinition| {
            let target = queue.attributes.get("RedrivePolicy");
            let names = |other: &QueueDefinition| {
                let arn_end = format!(":{}\"", other.name);
                target.is_some_and(|policy| policy.contains(&arn_end))
            };
            queues.iter().any(names)
        };
        let (later, next): (Vec<_>, Vec<_>) = queues.iter().cloned().partition(waits);
        if next.is_empty() {
            // They wait for each other: whoever creates them says which cannot be.
            ordered.extend(later);
            break;
        }
        ordered.extend(next);
        queues = later;
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_queues_are_read_from_their_directory_in_the_order_to_create_them() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../localstack/queues");
        let names = |queues: Vec<QueueDefinition>| queues.into_iter().map(|queue| queue.name).collect::<Vec<_>>();
        assert_eq!(names(read_definitions(&directory).unwrap()), names(definitions("").unwrap()));
        assert!(read_definitions(Path::new("/nowhere")).unwrap_err().to_string().starts_with("/nowhere: "));
    }
}
