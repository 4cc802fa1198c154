//! Baskets in Redis. Every command is one Lua script, which Redis runs whole or not at all, so nothing is lost
//! whatever races.
//!
//! Keys, behind the platform's prefix: `b:{user}` is a basket (a hash: `id`, `version` and four fields for each
//! course), `c:{course}` the newest name that an event brought, `ci:{course}` the users whose baskets hold the
//! course. All expire; a basket's index outlives it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use platform_money::{Currency, Money};
use redis::aio::ConnectionManager;
use redis::{AsyncCommands as _, RedisError, Script};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Basket, Item, MOST_ITEMS};
use crate::catalog::Quote;

/// How many baskets one script changes at most: Redis serves nobody else meanwhile.
const BATCH: usize = 500;
/// How much longer than a basket its index lives.
const INDEX_MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A basket that this version can't read.
    #[error("the basket of {user} is not readable: {what}")]
    Corrupt { user: Uuid, what: &'static str },
    /// Redis is away or refuses.
    #[error("redis failed")]
    Redis(#[from] RedisError),
}

/// What became of adding a course.
#[derive(Debug)]
pub(crate) enum Added {
    New(Basket),
    /// It was there already; nothing changed.
    There(Basket),
    /// The basket holds as many as it may.
    Full,
}

/// Baskets in the service's own Redis. Cheap to clone.
#[derive(Clone)]
pub(crate) struct BasketStore {
    connection: ConnectionManager,
    prefix: Arc<str>,
    lifetime: Duration,
    scripts: Arc<Scripts>,
}

struct Scripts {
    add: Script,
    remove: Script,
    note: Script,
    follow: Script,
}

impl BasketStore {
    /// Keys begin with `prefix`; baskets live for `lifetime` after their last change.
    pub(crate) fn new(connection: ConnectionManager, prefix: &str, lifetime: Duration) -> Self {
        let scripts = Scripts {
            add: Script::new(include_str!("scripts/add.lua")),
            remove: Script::new(include_str!("scripts/remove.lua")),
            note: Script::new(include_str!("scripts/note.lua")),
            follow: Script::new(include_str!("scripts/follow.lua")),
        };
        // With or without a colon at its end, the prefix is the same.
        let prefix = format!("{}:", prefix.trim_end_matches(':')).into();
        Self { connection, prefix, lifetime, scripts: Arc::new(scripts) }
    }

    /// Somebody's basket, empty when there is none.
    pub(crate) async fn load(&self, user: Uuid) -> Result<Basket, StoreError> {
        let fields = self.connection.clone().hgetall(self.basket(user)).await?;
        read(user, &fields)
    }

    /// Puts a course into somebody's basket, once.
    pub(crate) async fn add(
        &self,
        user: Uuid,
        quote: &Quote,
        now: OffsetDateTime,
    ) -> Result<Added, StoreError> {
        let course = quote.course_id;
        let (outcome, fields): (String, HashMap<String, String>) = self
            .scripts
            .add
            .key(self.basket(user))
            .key(self.snapshot(course))
            .key(self.holders(course))
            .arg(user.to_string())
            .arg(Uuid::now_v7().to_string())
            .arg(course.to_string())
            .arg(&quote.name)
            .arg(format!("{} {}", quote.price.amount, quote.price.currency))
            .arg(quote.version)
            .arg(millis(now))
            .arg(MOST_ITEMS)
            .arg(self.lifetime.as_secs())
            .arg(self.index_lifetime())
            .invoke_async(&mut self.connection.clone())
            .await?;
        match outcome.as_str() {
            "added" => read(user, &fields).map(Added::New),
            "there" => read(user, &fields).map(Added::There),
            _ => Ok(Added::Full),
        }
    }

    /// Takes a course out of somebody's basket. False when it was not in it.
    pub(crate) async fn remove(&self, user: Uuid, course: Uuid) -> Result<bool, StoreError> {
        let removed = self
            .scripts
            .remove
            .key(self.basket(user))
            .key(self.holders(course))
            .arg(user.to_string())
            .arg(course.to_string())
            .arg(self.lifetime.as_secs())
            .invoke_async(&mut self.connection.clone())
            .await?;
        Ok(removed)
    }

    /// Gives a course its name of `version` in every basket that holds it under an older one, and in every
    /// basket that it will be put into. Doing it again, or later than a newer name, changes nothing. Answers
    /// how many baskets changed.
    pub(crate) async fn rename(&self, course: Uuid, name: &str, version: i64) -> Result<u64, StoreError> {
        let mut connection = self.connection.clone();
        let () = self
            .scripts
            .note
            .key(self.snapshot(course))
            .arg(version)
            .arg(name)
            .arg(self.index_lifetime())
            .invoke_async(&mut connection)
            .await?;
        // Whoever is added from here on gets the noted name by themselves; SSCAN shows everybody who was there
        // before it began.
        let mut changed = 0;
        let mut cursor = 0_u64;
        loop {
            let (next, users): (u64, Vec<Uuid>) = redis::cmd("SSCAN")
                .arg(self.holders(course))
                .arg(cursor)
                .arg("COUNT")
                .arg(BATCH)
                .query_async::<(u64, Vec<String>)>(&mut connection)
                .await
                .map(|(next, users)| (next, users.iter().filter_map(|user| user.parse().ok()).collect()))?;
            for batch in users.chunks(BATCH) {
                changed += self.follow(course, batch).await?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(changed);
            }
        }
    }

    async fn follow(&self, course: Uuid, users: &[Uuid]) -> Result<u64, StoreError> {
        let mut call = self.scripts.follow.prepare_invoke();
        call.key(self.snapshot(course)).key(self.holders(course)).arg(course.to_string());
        for user in users {
            call.key(self.basket(*user)).arg(user.to_string());
        }
        Ok(call.invoke_async(&mut self.connection.clone()).await?)
    }

    fn basket(&self, user: Uuid) -> String {
        format!("{}b:{user}", self.prefix)
    }

    fn snapshot(&self, course: Uuid) -> String {
        format!("{}c:{course}", self.prefix)
    }

    fn holders(&self, course: Uuid) -> String {
        format!("{}ci:{course}", self.prefix)
    }

    fn index_lifetime(&self) -> u64 {
        (self.lifetime + INDEX_MARGIN).as_secs()
    }
}

fn millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// A basket from the fields of its hash.
fn read(user: Uuid, fields: &HashMap<String, String>) -> Result<Basket, StoreError> {
    let corrupt = |what| StoreError::Corrupt { user, what };
    let Some(version) = fields.get("version") else { return Ok(Basket::default()) };
    let id = fields.get("id").and_then(|id| id.parse().ok()).ok_or_else(|| corrupt("id"))?;
    let mut items = Vec::new();
    for (field, price) in fields {
        let Some(course) = field.strip_prefix("price:") else { continue };
        let of = |field: &str| fields.get(&format!("{field}:{course}"));
        let added = of("added").and_then(|text| text.parse::<i64>().ok()).and_then(from_millis);
        items.push(Item {
            course_id: course.parse().map_err(|_| corrupt("course"))?,
            name: of("name").ok_or_else(|| corrupt("name"))?.clone(),
            price: money(price).ok_or_else(|| corrupt("price"))?,
            added_at: added.ok_or_else(|| corrupt("added"))?,
        });
    }
    items.sort_unstable_by_key(|item| (item.added_at, item.course_id));
    Ok(Basket { id: Some(id), version: version.parse().map_err(|_| corrupt("version"))?, items })
}

fn from_millis(millis: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
}

/// `1999 TRY`: as text, because numbers in Lua are floating-point.
fn money(text: &str) -> Option<Money> {
    let (amount, currency) = text.split_once(' ')?;
    Some(Money::new(amount.parse().ok()?, currency.parse::<Currency>().ok()?))
}
