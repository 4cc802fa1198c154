//! There is always an administrator, whatever administrators do to each other.

use platform_testkit::{Api, Engine, SqlValue, eventually};
use serde_json::json;

use crate::support::{Person, Provider};

const LEFT: &str =
    "SELECT {count} FROM accounts WHERE admin = {yes} AND locked_at IS NULL AND deleted_at IS NULL";

async fn administering(provider: &Provider, person: &Person) -> Api {
    let tokens = provider.tokens(person, "openid account.manage identity.admin").await;
    provider.api.with("authorization", &format!("Bearer {}", tokens["access_token"].as_str().unwrap()))
}

pub(crate) async fn two_administrators_who_take_the_role_from_each_other_leave_one(engine: Engine) {
    let provider = Provider::start(engine).await;
    let (one, two) = (provider.person_who_is(false, true).await, provider.person_who_is(false, true).await);
    let (first, second) = (administering(&provider, &one).await, administering(&provider, &two).await);
    let nothing = json!({ "instructor": false, "admin": false });
    for round in 0..6 {
        let (roles_of_one, roles_of_two) = (
            format!("/identity/v1/users/{}/roles", one.account),
            format!("/identity/v1/users/{}/roles", two.account),
        );
        let (lock_one, lock_two) = (
            format!("/identity/v1/users/{}/lock", one.account),
            format!("/identity/v1/users/{}/lock", two.account),
        );
        let (a, b) = if round % 2 == 0 {
            tokio::join!(
                first.put(&roles_of_two, nothing.clone()),
                second.put(&roles_of_one, nothing.clone())
            )
        } else {
            tokio::join!(first.put(&lock_two, json!({})), second.put(&lock_one, json!({})))
        };
        let done = [&a, &b].into_iter().filter(|answer| answer.status == 200).count();
        assert_eq!(done, 1, "round {round}: {} {}", a.text(), b.text());
        for answer in [&a, &b] {
            assert!(matches!(answer.status.as_u16(), 200 | 401 | 403 | 409), "{}", answer.text());
        }
        let mut sql = provider.sql().await;
        assert_eq!(sql.number(LEFT, &[]).await, 1, "round {round}");
        for person in [&one, &two] {
            let again = "UPDATE accounts SET admin = {yes}, locked_at = NULL WHERE id = {1}";
            sql.execute(again, &[SqlValue::Id(person.account)]).await;
            let awake = "UPDATE sessions SET ended_at = NULL WHERE id = {1}";
            sql.execute(awake, &[SqlValue::Id(person.session)]).await;
            let given = "UPDATE refresh_families SET revoked_at = NULL WHERE session_id = {1}";
            sql.execute(given, &[SqlValue::Id(person.session)]).await;
        }
    }
}

pub(crate) async fn the_last_administrator_stays_one(engine: Engine) {
    let provider = Provider::start(engine).await;
    let (one, two) = (provider.person_who_is(false, true).await, provider.person_who_is(false, true).await);
    let api = administering(&provider, &one).await;
    // Somebody else is taking the role from `one` in this very moment.
    let mut tx = provider.sql().await;
    tx.begin().await;
    let take = "UPDATE accounts SET admin = {no}, version = version + 1 WHERE id = {1}";
    tx.execute(take, &[SqlValue::Id(one.account)]).await;
    let commit = async {
        let sql = &tokio::sync::Mutex::new(provider.sql().await);
        let waits = || async { sql.lock().await.somebody_waits().await };
        eventually(std::time::Duration::from_secs(10), waits).await;
        tx.commit().await;
    };
    let lock = format!("/identity/v1/users/{}/lock", two.account);
    let (answer, ()) = tokio::join!(api.put(&lock, json!({})), commit);
    answer.problem(409, "last-administrator");

    // Nor do they go by themselves, while there is nobody else.
    let last = administering(&provider, &two).await;
    last.delete("/identity/v1/account").await.problem(409, "last-administrator");
    assert_eq!(provider.sql().await.number(LEFT, &[]).await, 1);
    provider.change("UPDATE accounts SET admin = {yes} WHERE id = {1}", one.account).await;
    last.delete("/identity/v1/account").await.assert_status(204);
}
