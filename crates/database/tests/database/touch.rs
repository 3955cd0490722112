//! A write that wants a row that others may want too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use database::Write;
use sqlx::AnyConnection;

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

impl Write for Touch {
    type Output = ();

    fn contended_row(&self) -> Option<String> {
        Some(format!("{:03}", self.id))
    }

    async fn run(&self, transaction: &mut AnyConnection) -> Result<(), sqlx::Error> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        sqlx::query("UPDATE entries SET side = side WHERE id = $1").bind(self.id).execute(transaction).await?;
        Ok(())
    }
}
