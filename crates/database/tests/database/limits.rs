//! No session, no statement and no read is without an end.

use database::{Connection, Write, WriteError};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::Books;

const LIMITS: &str = "SELECT name, setting, source FROM pg_settings WHERE name IN (\
    'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout', 'client_connection_check_interval', \
    'tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count', 'tcp_user_timeout')";

/// Looks at the limits of the session that it is run on.
struct Look;

impl Write for Look {
    type Output = Vec<AnyRow>;

    async fn run(set: &[&Self], connection: &mut Connection) -> Result<Vec<Vec<AnyRow>>, sqlx::Error> {
        assert_eq!(set.len(), 1);
        Ok(vec![sqlx::query(LIMITS).fetch_all(connection.any()).await?])
    }
}

#[tokio::test]
async fn every_session_says_how_long_it_may_be_waited_for() {
    let books = Books::open().await;
    if !books.databases.on_postgres() {
        return; // No sessions.
    }
    let reading = sqlx::query(LIMITS).fetch_all(books.database.reads()).await.unwrap();
    let writing = books.database.write(Look).await.unwrap();
    for session in [reading, writing] {
        assert_eq!(session.len(), 8);
        for limit in session {
            let [name, setting, source]: [String; 3] = [limit.get(0), limit.get(1), limit.get(2)];
            assert!(setting.parse::<u64>().unwrap() > 0, "{name} has no end");
            assert_eq!(source, "session", "{name}");
        }
    }
}

#[tokio::test]
async fn a_read_that_does_not_end_by_itself_is_ended() {
    let books = Books::open().await;
    let endless = if books.databases.on_postgres() {
        "SELECT COUNT(*) FROM (SELECT pg_sleep(600)) AS sleep"
    } else {
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 400000000) \
         SELECT COUNT(*) FROM numbers"
    };
    let read = sqlx::query(endless).fetch_one(books.database.reads()).await;
    assert!(WriteError::from(read.map(drop).unwrap_err()).is_outage());
    books.database.ping().await.unwrap();
    assert!(books.ids().await.is_empty());
}
