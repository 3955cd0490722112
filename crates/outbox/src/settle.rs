//! What became of rows on which this relay had the lease.

use std::time::Duration;

use database::{Connection, Statement, Write, now};
use serde::Serialize;

use crate::{Claimed, NEVER};

/// What became of a row.
pub(crate) enum Fate {
    /// SQS has taken it: the row is deleted, whoever has the lease by now.
    Sent,
    /// To be tried again after a wait.
    Retry(Duration),
    /// SQS has refused it, for this reason.
    SetAside(String),
    /// To be tried again after all others: SQS was away, which is no fault of the row's.
    Postponed,
    /// Not tried, or not to the end: free for whoever claims it next.
    Released,
}

/// What became of some rows. Each mark, but the end of a row that was sent, is fenced by the row's lease: what another relay
/// has claimed since then is that one's.
#[derive(Default)]
pub(crate) struct Settlement {
    pub(super) sent: Sent,
    pub(super) marks: Marks,
}

impl Settlement {
    /// Says what became of a row.
    pub(crate) fn add(&mut self, row: &Claimed, fate: Fate) {
        let id = row.message.id.clone();
        let (tried, wait, until, fault) = match fate {
            Fate::Sent => return self.sent.0.push(id),
            Fate::Retry(wait) => (1, wait.as_millis() as i64, None, None),
            Fate::SetAside(reason) => (1, 0, Some(NEVER), Some(reason)),
            Fate::Postponed => (0, 0, None, None),
            Fate::Released => (0, 0, Some(0), None),
        };
        self.marks.0.push(Mark { id, lease: row.lease, tried, wait, until, fault });
    }

    /// Whether it says what became of that row.
    pub(crate) fn has(&self, row: &Claimed) -> bool {
        let mut ids = self.sent.0.iter().chain(self.marks.0.iter().map(|mark| &mark.id));
        ids.any(|id| *id == row.message.id)
    }

    /// How many rows no longer wait for SQS.
    pub(super) fn ended(&self) -> usize {
        self.sent.0.len() + self.marks.0.iter().filter(|mark| mark.until == Some(NEVER)).count()
    }
}

/// Ids of rows that were sent.
#[derive(Default)]
pub(super) struct Sent(Vec<String>);

const DELETE: Statement = Statement {
    sqlite: "DELETE FROM outbox WHERE id IN (SELECT value FROM json_each($1))",
    postgres: "DELETE FROM outbox WHERE id = ANY (ARRAY(SELECT json_array_elements_text(CAST($1 AS json))))",
};

impl Sent {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Write for Sent {
    type Output = ();

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<()>, sqlx::Error> {
        let ids: Vec<&String> = set.iter().flat_map(|sent| &sent.0).collect();
        connection.rows(DELETE, &ids).await?;
        Ok(vec![(); set.len()])
    }
}

/// Rows that stay.
#[derive(Default)]
pub(super) struct Marks(Vec<Mark>);

#[derive(Serialize)]
struct Mark {
    id: String,
    /// The fence.
    lease: i64,
    /// How many tries it was.
    tried: i64,
    /// Milliseconds from now,
    wait: i64,
    /// unless it is that.
    until: Option<i64>,
    fault: Option<String>,
}

const MARK: Statement = Statement {
    sqlite: concat!(
        "UPDATE outbox SET attempts = attempts + (mark->>'tried'), fault = mark->>'fault', \
             lease_until = COALESCE(mark->>'until', ",
        now!(sqlite),
        " + (mark->>'wait')) \
         FROM (SELECT value AS mark FROM json_each($1)) \
         WHERE id = mark->>'id' AND lease_until = mark->>'lease'"
    ),
    postgres: concat!(
        "WITH mark AS MATERIALIZED (SELECT * FROM json_to_recordset(CAST($1 AS json)) \
             AS mark (id text, lease bigint, tried bigint, wait bigint, until bigint, fault text) ORDER BY id) \
         UPDATE outbox SET attempts = outbox.attempts + mark.tried, fault = mark.fault, \
             lease_until = COALESCE(mark.until, ",
        now!(postgres),
        " + mark.wait) FROM mark \
         WHERE outbox.id = ANY (ARRAY(SELECT mark.id FROM mark)) \
             AND outbox.id = mark.id AND outbox.lease_until = mark.lease"
    ),
};

impl Marks {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Write for Marks {
    type Output = ();

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<()>, sqlx::Error> {
        let marks: Vec<&Mark> = set.iter().flat_map(|marks| &marks.0).collect();
        connection.rows(MARK, &marks).await?;
        Ok(vec![(); set.len()])
    }
}
