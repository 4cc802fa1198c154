//! Several statements that happen together or not at all.

use std::ops::{Deref, DerefMut};

use deadpool::managed;
use tiberius::{Row, ToSql};

use super::pool::Manager;
use super::{Client, SqlServerError};

/// An open transaction; also a [`Client`], for what writes into it from elsewhere. Dropped without a commit, it never happened: its connection
/// is closed.
pub struct Transaction(managed::Object<Manager>);

impl Transaction {
    pub(super) async fn begin(mut connection: managed::Object<Manager>) -> Result<Self, SqlServerError> {
        connection.at_rest = false;
        connection.client.begin_transaction().await?;
        Ok(Self(connection))
    }

    /// Runs a statement; answers how many rows it changed.
    ///
    /// # Errors
    /// When the server refuses or the connection breaks.
    pub async fn execute(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> Result<u64, SqlServerError> {
        Ok(self.0.client.execute(sql, parameters).await?.total())
    }

    /// Runs a query; answers all rows of its first result.
    ///
    /// # Errors
    /// When the server refuses or the connection breaks.
    pub async fn query(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> Result<Vec<Row>, SqlServerError> {
        Ok(self.0.client.query(sql, parameters).await?.into_first_result().await?)
    }

    /// Makes it happen.
    ///
    /// # Errors
    /// When the server refuses or the connection breaks; then whether it happened is unknown.
    pub async fn commit(mut self) -> Result<(), SqlServerError> {
        self.0.client.commit_transaction().await?;
        self.0.at_rest = true;
        Ok(())
    }

    /// Undoes it.
    ///
    /// # Errors
    /// When the connection breaks; then it is undone all the same.
    pub async fn rollback(mut self) -> Result<(), SqlServerError> {
        self.0.client.rollback_transaction().await?;
        self.0.at_rest = true;
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0.client
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.0.client
    }
}
