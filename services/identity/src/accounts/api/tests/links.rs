//! Mailed links, at the moments in which an account changes.

use time::Duration;

use super::World;
use crate::accounts::{AccountError, Email};
use crate::mail::{Kind, MailStore as _, PostgresMails, Purpose};

#[tokio::test]
async fn a_mail_that_was_taken_before_a_lock_gets_no_link_and_the_mails_of_others_do() {
    let world = World::new(false).await;
    let (ada, eve) = (world.account("ada@example.com").await, world.account("eve@example.com").await);
    for id in [ada, eve] {
        let account = world.accounts.find(id).await.unwrap().unwrap();
        world.accounts.forgotten(&Email::parse(&account.email).unwrap(), "test").await.unwrap();
    }
    let (mails, now) = (PostgresMails::new(world.pool.clone()), platform_service::now());
    let mut taken = Vec::new();
    while let Some(mail) = mails.take(now, now + Duration::HOUR).await.unwrap() {
        taken.push(mail);
    }
    assert_eq!(taken.len(), 4, "for each one to verify and one to reset");
    world.accounts.set_locked(ada, true).await.unwrap();
    for (number, mail) in (1_u8..).zip(taken) {
        let purpose = mail.kind.purpose().unwrap();
        let kept = mails.insert_link(&[number; 32], &mail, purpose, now, now + Duration::HOUR).await.unwrap();
        let withdrawn = mail.account_id == ada && purpose == Purpose::ResetPassword;
        assert_eq!(kept, !withdrawn, "{mail:?}");
        let works = mails.link(&[number; 32], purpose, now).await.unwrap().is_some();
        assert_eq!(works, kept);
        if kept && purpose == Purpose::ResetPassword {
            world.sessions.end_all(mail.account_id, None).await.unwrap();
            assert!(mails.link(&[number; 32], purpose, now).await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn a_link_resets_the_password_of_an_open_account_with_that_address_only() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let email = Email::parse("ada@example.com").unwrap();
    world.accounts.forgotten(&email, "test").await.unwrap();
    let (mails, now) = (PostgresMails::new(world.pool.clone()), platform_service::now());
    let mut reset = None;
    while let Some(mail) = mails.take(now, now + Duration::HOUR).await.unwrap() {
        reset = Some(mail).filter(|mail| mail.kind == Kind::ResetPassword).or(reset);
    }
    let (link, reset) = ([7; 32], reset.unwrap());
    assert!(
        mails.insert_link(&link, &reset, Purpose::ResetPassword, now, now + Duration::HOUR).await.unwrap()
    );
    // As if the link had been made while the account changed.
    for change in ["email = 'new@example.com'", "email = 'ada@example.com', locked_at = now()"] {
        let sql = sqlx::AssertSqlSafe(format!("UPDATE accounts SET {change} WHERE id = $1"));
        sqlx::query(sql).bind(ada).execute(&world.pool).await.unwrap();
        let refused = world.accounts.reset_password(link, "another horse battery").await;
        assert!(matches!(refused, Err(AccountError::LinkSpent)), "{change}: {refused:?}");
    }
    let unlock = "UPDATE accounts SET locked_at = NULL WHERE id = $1";
    sqlx::query(unlock).bind(ada).execute(&world.pool).await.unwrap();
    world.accounts.reset_password(link, "another horse battery").await.unwrap();
}
