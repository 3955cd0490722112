//! A write that wants a row that others may want too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use database::{Connection, Key, Statement, Write};

/// Locks the rows of an entry.
pub(crate) struct Touch {
    id: i64,
    runs: Arc<AtomicUsize>,
}

impl Touch {
    pub(crate) fn new(id: i64) -> Self {
        Self { id, runs: Arc::default() }
    }

    /// How often it has been run.
    pub(crate) fn runs(&self) -> Arc<AtomicUsize> {
        self.runs.clone()
    }
}

/// Locks the rows of these entries, in the order of their ids.
pub(crate) const TOUCH: Statement = Statement {
    sqlite: "UPDATE entries SET side = side WHERE id IN (SELECT value FROM json_each($1))",
    postgres: "UPDATE entries SET side = side WHERE id = ANY (ARRAY(\
                   SELECT CAST(id AS bigint) FROM json_array_elements_text(CAST($1 AS json)) AS touched (id)))",
};

impl Write for Touch {
    type Output = ();

    fn key(&self) -> Option<Key> {
        Some(Key::of(self.id))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<()>, sqlx::Error> {
        set.iter().for_each(|touch| {
            touch.runs.fetch_add(1, Ordering::SeqCst);
        });
        let ids: Vec<_> = set.iter().map(|touch| touch.id).collect();
        connection.rows(TOUCH, &ids).await?;
        Ok(vec![(); set.len()])
    }
}
