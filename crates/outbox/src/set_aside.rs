//! What SQS has refused, for the person who decides what becomes of it.

use database::{Write, WriteError};
use sqlx::{AnyConnection, Row};

use super::{NEVER, Outbox};

/// Rows that are marked in one transaction.
const PAGE: usize = 100;

/// A row that SQS has refused. It waits until it is sent again or dropped.
#[derive(Clone, Debug)]
pub struct SetAside {
    /// The event's id.
    pub id: String,
    /// What it is about.
    pub subject: String,
    /// The message.
    pub body: String,
    /// How often sending it has failed, the refusal included.
    pub attempts: u32,
    /// Why it was refused.
    pub reason: String,
}

impl Outbox {
    /// The rows that are set aside, the oldest first, at most `limit`.
    pub async fn set_aside(&self, limit: usize) -> Result<Vec<SetAside>, WriteError> {
        let rows = sqlx::query(
            "SELECT id, subject, body, attempts, fault FROM outbox \
             WHERE lease_until = $1 AND fault IS NOT NULL ORDER BY id LIMIT $2",
        )
        .bind(NEVER)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.0.database.reads())
        .await?;
        let read = |row: sqlx::any::AnyRow| {
            Ok(SetAside {
                id: row.try_get("id")?,
                subject: row.try_get("subject")?,
                body: row.try_get("body")?,
                attempts: row.try_get::<i64, _>("attempts")? as u32,
                reason: row.try_get("fault")?,
            })
        };
        Ok(rows.into_iter().map(read).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Has those of these rows sent that were set aside; returns their ids. A relay finds them within a second.
    pub async fn retry(&self, ids: &[String]) -> Result<Vec<String>, WriteError> {
        self.mark(ids, Mark::Retry).await
    }

    /// Has all rows sent that are set aside now; returns how many that were.
    pub async fn retry_all(&self) -> Result<usize, WriteError> {
        let (mut retried, mut after) = (0, String::new());
        // In the order of ids, so that a row that is refused again meanwhile is not met twice.
        loop {
            let ids = self.0.database.write(RetryPage { after: after.clone() }).await?;
            retried += ids.len();
            match ids.into_iter().max() {
                Some(last) => after = last,
                None => return Ok(retried),
            }
        }
    }

    /// Deletes those of these rows that were set aside, for good; returns their ids.
    pub async fn discard(&self, ids: &[String]) -> Result<Vec<String>, WriteError> {
        self.mark(ids, Mark::Discard).await
    }

    async fn mark(&self, ids: &[String], mark: Mark) -> Result<Vec<String>, WriteError> {
        let mut marked = Vec::new();
        for ids in ids.chunks(PAGE) {
            marked.extend(self.0.database.write(MarkRows { ids: ids.to_vec(), mark }).await?);
        }
        Ok(marked)
    }
}

#[derive(Clone, Copy)]
enum Mark {
    Retry,
    Discard,
}

struct MarkRows {
    ids: Vec<String>,
    mark: Mark,
}

impl Write for MarkRows {
    type Output = Vec<String>;

    async fn run(&self, transaction: &mut AnyConnection) -> Result<Self::Output, sqlx::Error> {
        let sql = match self.mark {
            Mark::Retry => {
                "UPDATE outbox SET fault = NULL, lease_until = 0, attempts = 0 \
                 WHERE id = $1 AND fault IS NOT NULL RETURNING id"
            }
            Mark::Discard => "DELETE FROM outbox WHERE id = $1 AND fault IS NOT NULL RETURNING id",
        };
        let mut marked = Vec::new();
        for id in &self.ids {
            marked.extend(sqlx::query_scalar(sql).bind(id).fetch_optional(&mut *transaction).await?);
        }
        Ok(marked)
    }
}

struct RetryPage {
    after: String,
}

impl Write for RetryPage {
    type Output = Vec<String>;

    async fn run(&self, transaction: &mut AnyConnection) -> Result<Self::Output, sqlx::Error> {
        sqlx::query_scalar(
            "UPDATE outbox SET fault = NULL, lease_until = 0, attempts = 0 WHERE id IN (\
                 SELECT id FROM outbox WHERE lease_until = $1 AND id > $2 AND fault IS NOT NULL ORDER BY id LIMIT $3) \
             RETURNING id",
        )
        .bind(NEVER)
        .bind(&self.after)
        .bind(PAGE as i64)
        .fetch_all(transaction)
        .await
    }
}
