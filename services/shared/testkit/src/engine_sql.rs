//! What time and administrators do to rows, for tests that run on both engines: one statement, written in a form
//! that is neither engine's and said in the words of the one at hand.
//!
//! In a statement `{1}`, `{2}` are values, `{now}`, `{now-60}` and `{now+1}` are times (seconds off), `{yes}` and
//! `{no}` are flags, `{count}` counts rows. Nothing else differs in what tests need: plain SELECT, UPDATE and DELETE.

use std::fmt;

use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, AssertSqlSafe, Connection as _, PgConnection};
use tiberius::ToSql;
use uuid::Uuid;

use crate::sqlserver::{self, TestClient};
use crate::{Engine, EngineDatabase};

/// A value of a statement.
#[derive(Clone, Copy, Debug)]
pub enum SqlValue<'a> {
    /// An id: `uuid`, or `binary(16)` in the order of its text.
    Id(Uuid),
    /// A text.
    Text(&'a str),
}

/// A connection of a test's own to an [`EngineDatabase`].
pub struct EngineSql(Kind);

enum Kind {
    Postgres(Box<PgConnection>),
    SqlServer(Box<TestClient>),
}

impl fmt::Debug for EngineSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineSql(…)")
    }
}

impl EngineDatabase {
    /// Opens a connection.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn sql(&self) -> EngineSql {
        EngineSql(match self {
            Self::Postgres(database) => {
                Kind::Postgres(Box::new(PgConnection::connect(database.url()).await.expect("PostgreSQL")))
            }
            Self::SqlServer(database) => {
                let url = database.url().parse().expect("a URL");
                Kind::SqlServer(Box::new(sqlserver::connect(&url).await.expect("SQL Server")))
            }
        })
    }
}

impl EngineSql {
    /// Runs a statement; answers how many rows it changed.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn execute(&mut self, statement: &str, values: &[SqlValue<'_>]) -> u64 {
        let sql = said(self.engine(), statement);
        match &mut self.0 {
            Kind::Postgres(connection) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), arguments(values));
                query.execute(&mut **connection).await.expect(statement).rows_affected()
            }
            Kind::SqlServer(client) => {
                let values = parameters(values);
                let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
                client.execute(sql, &values).await.expect(statement).total()
            }
        }
    }

    /// The one number that a statement gives, a `bigint`.
    ///
    /// # Panics
    /// When the server refuses or there is none.
    pub async fn number(&mut self, statement: &str, values: &[SqlValue<'_>]) -> i64 {
        let sql = said(self.engine(), statement);
        match &mut self.0 {
            Kind::Postgres(connection) => {
                let query = sqlx::query_scalar_with(AssertSqlSafe(sql), arguments(values));
                query.fetch_one(&mut **connection).await.expect(statement)
            }
            Kind::SqlServer(client) => one(client, sql, values).await.get::<i64, _>(0).expect(statement),
        }
    }

    /// The one id that a statement gives.
    ///
    /// # Panics
    /// When the server refuses or there is none.
    pub async fn id(&mut self, statement: &str, values: &[SqlValue<'_>]) -> Uuid {
        let sql = said(self.engine(), statement);
        match &mut self.0 {
            Kind::Postgres(connection) => {
                let query = sqlx::query_scalar_with(AssertSqlSafe(sql), arguments(values));
                query.fetch_one(&mut **connection).await.expect(statement)
            }
            Kind::SqlServer(client) => {
                let row = one(client, sql, values).await;
                Uuid::from_slice(row.get::<&[u8], _>(0).expect(statement)).expect("16 bytes")
            }
        }
    }

    /// Begins a transaction, to be ended by [`Self::commit`].
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn begin(&mut self) {
        match &mut self.0 {
            Kind::Postgres(connection) => {
                sqlx::raw_sql("BEGIN").execute(&mut **connection).await.expect("a transaction");
            }
            Kind::SqlServer(client) => client.begin_transaction().await.expect("a transaction"),
        }
    }

    /// Makes a transaction happen.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn commit(&mut self) {
        match &mut self.0 {
            Kind::Postgres(connection) => {
                sqlx::raw_sql("COMMIT").execute(&mut **connection).await.expect("a commit");
            }
            Kind::SqlServer(client) => client.commit_transaction().await.expect("a commit"),
        }
    }

    /// Whether somebody waits for a lock in this database. Not to be asked within a transaction, which would answer
    /// as it was when it was asked first.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn somebody_waits(&mut self) -> bool {
        let statement = match self.engine() {
            Engine::Postgres => {
                "SELECT {count} FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'"
            }
            Engine::SqlServer => {
                "SELECT {count} FROM sys.dm_exec_requests
                 WHERE database_id = DB_ID() AND blocking_session_id <> 0"
            }
        };
        self.number(statement, &[]).await > 0
    }

    fn engine(&self) -> Engine {
        match self.0 {
            Kind::Postgres(_) => Engine::Postgres,
            Kind::SqlServer(_) => Engine::SqlServer,
        }
    }
}

/// The values as PostgreSQL's driver takes them.
fn arguments(values: &[SqlValue<'_>]) -> PgArguments {
    let mut arguments = PgArguments::default();
    for value in values {
        let added = match value {
            SqlValue::Id(id) => arguments.add(*id),
            SqlValue::Text(text) => arguments.add((*text).to_owned()),
        };
        added.expect("a value that can be sent");
    }
    arguments
}

/// The values as SQL Server's driver takes them; ids are copied, for it borrows bytes.
fn parameters<'a>(values: &[SqlValue<'a>]) -> Vec<Box<dyn ToSql + 'a>> {
    let parameter = |value: &SqlValue<'a>| -> Box<dyn ToSql + 'a> {
        match value {
            SqlValue::Id(id) => Box::new(id.as_bytes().to_vec()),
            SqlValue::Text(text) => Box::new(*text),
        }
    };
    values.iter().map(parameter).collect()
}

async fn one(client: &mut TestClient, sql: String, values: &[SqlValue<'_>]) -> tiberius::Row {
    let values = parameters(values);
    let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
    let rows = client.query(sql, &values).await.expect("a query");
    rows.into_row().await.expect("an answer").expect("a row")
}

/// The statement in an engine's own words.
fn said(engine: Engine, statement: &str) -> String {
    let mut parts = statement.split('{');
    let mut sql = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (word, rest) = part.split_once('}').unwrap_or_else(|| panic!("an open brace in {statement}"));
        sql += &spelled(engine, word).unwrap_or_else(|| panic!("{{{word}}} means nothing in {statement}"));
        sql += rest;
    }
    sql
}

fn spelled(engine: Engine, word: &str) -> Option<String> {
    if let Some(seconds) = word.strip_prefix("now") {
        let seconds: i32 = if seconds.is_empty() { 0 } else { seconds.parse().ok()? };
        return Some(match engine {
            Engine::Postgres => format!("(now() + interval '{seconds} seconds')"),
            Engine::SqlServer => format!("DATEADD(second, {seconds}, SYSUTCDATETIME())"),
        });
    }
    if let Ok(number) = word.parse::<u8>() {
        return Some(match engine {
            Engine::Postgres => format!("${number}"),
            Engine::SqlServer => format!("@P{number}"),
        });
    }
    let (postgres, sqlserver) = match word {
        "yes" => ("true", "1"),
        "no" => ("false", "0"),
        "count" => ("count(*)", "COUNT_BIG(*)"),
        _ => return None,
    };
    Some(if engine == Engine::Postgres { postgres } else { sqlserver }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_said_in_each_engines_words() {
        let statement = "UPDATE sessions SET auth_time = {now-60}, x = {yes} WHERE id = {1} AND at < {now}";
        assert_eq!(
            said(Engine::Postgres, statement),
            "UPDATE sessions SET auth_time = (now() + interval '-60 seconds'), x = true \
             WHERE id = $1 AND at < (now() + interval '0 seconds')"
        );
        assert_eq!(
            said(Engine::SqlServer, statement),
            "UPDATE sessions SET auth_time = DATEADD(second, -60, SYSUTCDATETIME()), x = 1 \
             WHERE id = @P1 AND at < DATEADD(second, 0, SYSUTCDATETIME())"
        );
    }

    #[test]
    #[should_panic(expected = "{soon} means nothing")]
    fn a_word_that_nobody_knows_is_a_mistake_of_the_test() {
        said(Engine::Postgres, "SELECT {soon}");
    }
}
