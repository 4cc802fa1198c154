//! Identity over HTTP on every engine that there is: the same tests for PostgreSQL, always, and for SQL Server
//! where SQLSERVER_URL names one.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod administrators;
#[path = "../shared/authenticator.rs"]
mod authenticator;
mod consents;
mod endpoints;
mod flows;
mod interaction;
mod narrow;
mod refusals;
mod responses;
mod revoked;
mod second_factor;
mod support;

use std::time::Duration;

use identity::Identity;
use platform_service::{TestComponent, spawn_for_test};
use platform_testkit::{Api, Binary, Engine, EngineDatabase, engine_tests, eventually, life, secret_file};
use serde_json::Value;
use tempfile::NamedTempFile;

use administrators::{
    the_last_administrator_stays_one, two_administrators_who_take_the_role_from_each_other_leave_one,
};
use consents::{
    a_client_of_others_is_agreed_to_once,
    a_code_that_is_exchanged_while_its_consent_is_taken_back_gives_nothing,
    an_app_that_anybody_could_be_is_agreed_to_each_time, the_page_says_for_how_long,
    what_was_agreed_to_is_seen_and_taken_back_and_ends_at_once,
};
use endpoints::{
    hints_are_followed_and_what_is_not_supported_is_ignored, no_fault_in_a_decision_agrees_to_anything,
    no_fault_in_a_request_to_sign_out_ends_a_session, no_fault_in_what_a_client_shows_lets_it_in,
    userinfo_refuses_a_form_that_is_wrong, userinfo_says_when_it_changed_last,
};
use flows::{
    a_client_authenticates_in_each_of_its_ways, a_code_becomes_tokens_that_say_who_signed_in,
    a_refresh_token_gives_the_next_one_and_the_lost_answer_again,
    two_refreshes_at_the_same_moment_get_the_same_successor,
};
use interaction::{
    a_native_app_may_listen_on_any_port, prompt_max_age_and_hint_decide_whether_somebody_signs_in_again,
    signing_out_ends_what_the_session_gave,
};
use narrow::{
    a_password_gives_tokens_where_it_may, a_service_gets_tokens_for_one_audience,
    a_token_is_exchanged_for_less_and_never_for_more,
};
use refusals::{
    every_parameter_of_authorize_is_refused_in_the_right_place,
    every_parameter_of_token_is_refused_with_an_oauth_error, userinfo_refuses_as_rfc_6750_says,
    wrong_verbs_and_types_are_refused,
};
use responses::{a_response_goes_in_a_form_where_that_is_asked_for, consent_leads_to_a_form_too};
use revoked::{
    a_code_that_is_exchanged_during_a_sign_out_gives_nothing,
    a_code_works_once_and_its_replay_ends_what_it_gave, a_locked_account_loses_everything,
    a_password_that_is_changed_while_it_is_checked_gives_nothing,
    a_refresh_token_that_comes_again_ends_its_family, a_removed_client_loses_everything,
    a_session_that_has_expired_ends_what_may_not_outlive_it, revoking_ends_a_token_or_everything,
    what_ends_on_one_replica_has_ended_on_all_however_many_ask_at_once, what_is_over_is_swept,
    what_one_client_has_is_worth_nothing_to_another,
};
use second_factor::{
    a_password_alone_gives_no_tokens_where_there_is_a_second_factor,
    a_second_factor_is_managed_over_json_too,
    a_sign_in_that_began_before_a_second_factor_is_turned_on_gives_nothing,
    a_token_says_how_its_user_signed_in, an_administrator_removes_a_second_factor_and_ends_what_it_gave,
};

/// Nothing listens there: events wait.
const NO_BROKER: &str = "amqp://user:password@127.0.0.1:1/none";
const KEYRING: &str = r#"{"current":"2026","keys":{"2026":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}}"#;
/// Another key under the same id.
const WRONG_KEY: &str = r#"{"current":"2026","keys":{"2026":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"}}"#;
/// Another id.
const FOREIGN: &str = r#"{"current":"2027","keys":{"2027":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}}"#;

engine_tests! {
    however_many_replicas_start_there_is_one_key,
    a_restart_keeps_the_key,
    a_keyring_that_does_not_fit_makes_it_not_ready_and_never_a_new_key,
    migrations_may_run_twice_and_at_the_same_time,
    discovery_names_what_is_served_and_nothing_else,
    replicas_agree_on_a_key_that_was_made_by_command,
    a_code_becomes_tokens_that_say_who_signed_in,
    a_refresh_token_gives_the_next_one_and_the_lost_answer_again,
    two_refreshes_at_the_same_moment_get_the_same_successor,
    a_client_authenticates_in_each_of_its_ways,
    a_service_gets_tokens_for_one_audience,
    a_token_is_exchanged_for_less_and_never_for_more,
    a_password_gives_tokens_where_it_may,
    prompt_max_age_and_hint_decide_whether_somebody_signs_in_again,
    a_client_of_others_is_agreed_to_once,
    a_native_app_may_listen_on_any_port,
    an_app_that_anybody_could_be_is_agreed_to_each_time,
    signing_out_ends_what_the_session_gave,
    every_parameter_of_authorize_is_refused_in_the_right_place,
    every_parameter_of_token_is_refused_with_an_oauth_error,
    wrong_verbs_and_types_are_refused,
    userinfo_refuses_as_rfc_6750_says,
    a_code_works_once_and_its_replay_ends_what_it_gave,
    a_refresh_token_that_comes_again_ends_its_family,
    what_one_client_has_is_worth_nothing_to_another,
    what_ends_on_one_replica_has_ended_on_all_however_many_ask_at_once,
    revoking_ends_a_token_or_everything,
    a_removed_client_loses_everything,
    a_locked_account_loses_everything,
    a_session_that_has_expired_ends_what_may_not_outlive_it,
    a_code_that_is_exchanged_during_a_sign_out_gives_nothing,
    a_password_that_is_changed_while_it_is_checked_gives_nothing,
    what_is_over_is_swept,
    a_code_that_is_exchanged_while_its_consent_is_taken_back_gives_nothing,
    no_fault_in_what_a_client_shows_lets_it_in,
    the_page_says_for_how_long,
    what_was_agreed_to_is_seen_and_taken_back_and_ends_at_once,
    the_last_administrator_stays_one,
    two_administrators_who_take_the_role_from_each_other_leave_one,
    hints_are_followed_and_what_is_not_supported_is_ignored,
    no_fault_in_a_decision_agrees_to_anything,
    no_fault_in_a_request_to_sign_out_ends_a_session,
    userinfo_refuses_a_form_that_is_wrong,
    userinfo_says_when_it_changed_last,
    a_response_goes_in_a_form_where_that_is_asked_for,
    consent_leads_to_a_form_too,
    a_second_factor_is_managed_over_json_too,
    a_token_says_how_its_user_signed_in,
    a_password_alone_gives_no_tokens_where_there_is_a_second_factor,
    an_administrator_removes_a_second_factor_and_ends_what_it_gave,
    a_sign_in_that_began_before_a_second_factor_is_turned_on_gives_nothing,
}

struct Store {
    database: EngineDatabase,
    engine: Engine,
    url: NamedTempFile,
    keyring: NamedTempFile,
    broker: NamedTempFile,
}

impl Store {
    async fn empty(engine: Engine) -> Self {
        let database = engine.database().await;
        let [url, keyring, broker] = [database.url().as_str(), KEYRING, NO_BROKER].map(secret_file);
        Self { engine, url, keyring, broker, database }
    }

    async fn migrated(engine: Engine) -> Self {
        let store = Self::empty(engine).await;
        store.binary().succeeds(&["migrate"]).await;
        store
    }

    fn settings(&self) -> [(&str, &str); 5] {
        [
            ("DATABASE_ENGINE", self.engine.setting()),
            ("DATABASE_URL_FILE", self.url.path().to_str().unwrap()),
            ("KEYRING_FILE", self.keyring.path().to_str().unwrap()),
            ("AMQP_URL_FILE", self.broker.path().to_str().unwrap()),
            ("ARGON2_MEMORY_KIB", "8"),
        ]
    }

    fn binary(&self) -> Binary {
        let binary = Binary::new(env!("CARGO_BIN_EXE_identity"));
        self.settings().iter().fold(binary, |binary, (key, value)| binary.env(key, value))
    }

    async fn replica(&self) -> TestComponent {
        spawn_for_test::<Identity>(&self.settings()).await.unwrap()
    }
}

async fn ready(replica: &TestComponent) {
    life::ready(&Api::new(replica.admin_url(""))).await;
}

async fn keys(replica: &TestComponent) -> Value {
    Api::new(replica.url("")).get("/identity/jwks").await.expect(200).json()
}

async fn however_many_replicas_start_there_is_one_key(engine: Engine) {
    let store = Store::migrated(engine).await;
    let (one, two, three) = tokio::join!(store.replica(), store.replica(), store.replica());
    for replica in [&one, &two, &three] {
        ready(replica).await;
    }
    let set = keys(&one).await;
    assert_eq!(set["keys"].as_array().unwrap().len(), 1);
    let key = &set["keys"][0];
    for (member, value) in [("kty", "EC"), ("crv", "P-256"), ("use", "sig"), ("alg", "ES256")] {
        assert_eq!(key[member], value, "{key}");
    }
    assert!(key.get("d").is_none(), "a private key is published");
    assert_eq!(keys(&two).await, set);
    assert_eq!(keys(&three).await, set);
}

async fn a_restart_keeps_the_key(engine: Engine) {
    let store = Store::migrated(engine).await;
    let first = store.replica().await;
    ready(&first).await;
    let set = keys(&first).await;
    first.stop().await.unwrap();
    let second = store.replica().await;
    ready(&second).await;
    assert_eq!(keys(&second).await, set);
}

async fn a_keyring_that_does_not_fit_makes_it_not_ready_and_never_a_new_key(engine: Engine) {
    let store = Store::migrated(engine).await;
    let first = store.replica().await;
    ready(&first).await;
    let set = keys(&first).await;
    first.stop().await.unwrap();

    for (keyring, reason) in [(WRONG_KEY, "does not open it"), (FOREIGN, "not in the keyring")] {
        std::fs::write(store.keyring.path(), keyring).unwrap();
        let replica = store.replica().await;
        let admin = Api::new(replica.admin_url(""));
        let told = || async {
            let answer = admin.get("/readyz").await;
            answer.status == 503 && answer.text().contains(reason)
        };
        eventually(Duration::from_secs(10), told).await;
        assert_eq!(keys(&replica).await, set, "tokens that were signed before can be checked");
        assert!(!admin.get("/readyz").await.text().contains("AQEBAQEB"), "a key is shown");

        std::fs::write(store.keyring.path(), KEYRING).unwrap();
        ready(&replica).await;
        assert_eq!(keys(&replica).await, set);
        replica.stop().await.unwrap();
    }
}

async fn migrations_may_run_twice_and_at_the_same_time(engine: Engine) {
    let store = Store::empty(engine).await;
    let binary = store.binary();
    tokio::join!(binary.succeeds(&["migrate"]), binary.succeeds(&["migrate"]), binary.succeeds(&["migrate"]));
    binary.succeeds(&["migrate"]).await;
}

async fn discovery_names_what_is_served_and_nothing_else(engine: Engine) {
    let store = Store::migrated(engine).await;
    let replica = store.replica().await;
    ready(&replica).await;
    let api = Api::new(replica.url(""));
    let openid: Value = api.get("/identity/.well-known/openid-configuration").await.expect(200).json();
    let oauth: Value = api.get("/.well-known/oauth-authorization-server/identity").await.expect(200).json();
    assert_eq!(openid, oauth);
    assert_eq!(openid["issuer"], "http://localhost:8080/identity");
    assert_eq!(openid["jwks_uri"], "http://localhost:8080/identity/jwks");
    for (member, value) in openid.as_object().unwrap() {
        // Whatever is named is there: it may refuse, but it is not nothing.
        if member.ends_with("_endpoint") || member == "jwks_uri" {
            let path = value.as_str().unwrap().strip_prefix("http://localhost:8080").unwrap();
            let answer = api.get(path).await;
            assert!(answer.status != 404 && !answer.status.is_server_error(), "{member}: {}", answer.text());
        }
    }
    assert!(openid["grant_types_supported"].as_array().unwrap().iter().all(|grant| grant != "password"));
    assert_eq!(openid["request_uri_parameter_supported"], false);
    api.get("/identity/nothing").await.problem(404, "not-found");
}

async fn replicas_agree_on_a_key_that_was_made_by_command(engine: Engine) {
    let store = Store::migrated(engine).await;
    let (one, two) = tokio::join!(store.replica(), store.replica());
    ready(&one).await;
    ready(&two).await;
    let before = keys(&one).await;
    store.binary().succeeds(&["rotate-keys"]).await;
    store.binary().succeeds(&["rotate-keys"]).await;
    let agreed = || async {
        keys(&one).await["keys"].as_array().unwrap().len() == 2 && keys(&one).await == keys(&two).await
    };
    eventually(Duration::from_secs(60), agreed).await;
    assert_eq!(keys(&one).await["keys"][0], before["keys"][0], "the one in use stays");
}
