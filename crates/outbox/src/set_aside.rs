//! What SQS has refused, for the person who decides what becomes of it.

use std::collections::HashSet;

use database::{Connection, Key, Statement, Write, WriteError};
use sqlx::Row;

use super::{NEVER, Outbox};

/// Rows that are marked by one statement.
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
        let mut retried = Vec::new();
        for ids in ids.chunks(PAGE) {
            retried.extend(self.0.database.write(Retry(ids.to_vec())).await?);
        }
        Ok(retried)
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
        let mut discarded = Vec::new();
        for ids in ids.chunks(PAGE) {
            discarded.extend(self.0.database.write(Discard(ids.to_vec())).await?);
        }
        Ok(discarded)
    }
}

struct Retry(Vec<String>);

const RETRY: Statement = Statement {
    sqlite: "UPDATE outbox SET fault = NULL, lease_until = 0, attempts = 0 \
             WHERE id IN (SELECT value FROM json_each($1)) AND fault IS NOT NULL RETURNING id",
    postgres: "UPDATE outbox SET fault = NULL, lease_until = 0, attempts = 0 \
               WHERE id = ANY (ARRAY(SELECT json_array_elements_text(CAST($1 AS json)))) AND fault IS NOT NULL \
               RETURNING id",
};

impl Write for Retry {
    type Output = Vec<String>;

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Vec<String>>, sqlx::Error> {
        run(RETRY, set.iter().map(|retry| &*retry.0), connection).await
    }
}

struct Discard(Vec<String>);

const DISCARD: Statement = Statement {
    sqlite: "DELETE FROM outbox WHERE id IN (SELECT value FROM json_each($1)) AND fault IS NOT NULL RETURNING id",
    postgres: "DELETE FROM outbox WHERE id = ANY (ARRAY(SELECT json_array_elements_text(CAST($1 AS json)))) \
               AND fault IS NOT NULL RETURNING id",
};

impl Write for Discard {
    type Output = Vec<String>;

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Vec<String>>, sqlx::Error> {
        run(DISCARD, set.iter().map(|discard| &*discard.0), connection).await
    }
}

/// Runs a statement on rows by their ids, and tells each of a set which of its own there were.
async fn run<'a>(
    statement: Statement,
    set: impl Iterator<Item = &'a [String]>,
    connection: &mut Connection,
) -> Result<Vec<Vec<String>>, sqlx::Error> {
    let set: Vec<_> = set.collect();
    let rows = connection.rows(statement, &set.concat()).await?;
    let found = rows.iter().map(|row| row.try_get("id")).collect::<Result<HashSet<String>, _>>()?;
    Ok(set.iter().map(|ids| ids.iter().filter(|id| found.contains(*id)).cloned().collect()).collect())
}

/// On PostgreSQL they are locked in their order, and looked at again once they are: somebody else may have sent them.
const RETRY_PAGE: Statement = {
    macro_rules! retry_page {
        ($lock:literal) => {
            concat!(
                "UPDATE outbox SET fault = NULL, lease_until = 0, attempts = 0 WHERE id IN (\
                     SELECT id FROM outbox WHERE lease_until = $1 AND id > $2 AND fault IS NOT NULL \
                     ORDER BY id LIMIT $3",
                $lock,
                ") AND fault IS NOT NULL RETURNING id"
            )
        };
    }
    Statement { sqlite: retry_page!(""), postgres: retry_page!(" FOR UPDATE") }
};

/// The first rows after that id.
struct RetryPage {
    after: String,
}

impl Write for RetryPage {
    type Output = Vec<String>;

    fn key(&self) -> Option<Key> {
        // One at a time.
        Some(Key::of("the outbox's rows that are set aside"))
    }

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Vec<String>>, sqlx::Error> {
        let mut pages = Vec::with_capacity(set.len());
        for RetryPage { after } in set {
            let page = sqlx::query_scalar(RETRY_PAGE.on(connection.engine()));
            let page = page.bind(NEVER).bind(after).bind(PAGE as i64).fetch_all(connection.any()).await?;
            pages.push(page);
        }
        Ok(pages)
    }
}
