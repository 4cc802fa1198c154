//! The way to a mail server: protected, proved, and nothing is lost while it is away.

use std::time::Duration;

use platform_testkit::{Engine, eventually};
use serde_json::json;
use tokio::sync::Mutex;

use crate::mail_server::{Line, MailServer, certificate};
use crate::support::{ADA, House, PASSWORD};

async fn sign_up(house: &House, email: &str) {
    let body = json!({ "email": email, "password": PASSWORD, "name": "Ada", "language": "en" });
    house.api.post("/identity/v1/accounts", body).await.assert_status(201);
}

/// Once the one mail that waits was tried in vain.
async fn tried(house: &House) {
    let sql = &Mutex::new(house.database.sql().await);
    // Put off until later than a try may take: it is over, and not under way.
    let failed = "SELECT {count} FROM mails WHERE attempts > 0 AND next_at < {now+90}";
    eventually(Duration::from_secs(30), || async { sql.lock().await.number(failed, &[]).await == 1 }).await;
}

/// How many mails wait.
async fn waiting(house: &House) -> i64 {
    house.database.sql().await.number("SELECT {count} FROM mails", &[]).await
}

/// As if the time had come to try again.
async fn due(house: &House) {
    house.database.sql().await.execute("UPDATE mails SET next_at = {now}", &[]).await;
}

pub(crate) async fn mails_go_over_a_protected_line_to_a_server_that_knows_us(engine: Engine) {
    for line in [Line::Starttls, Line::Tls] {
        let server = MailServer::on(line).await;
        let house = House::with(engine, &server.settings()).await;
        sign_up(&house, ADA).await;
        let mails = server.mails(1).await;
        assert!(mails[0].contains("/identity/verify?token="), "{line:?}: {mails:?}");
        let sql = &Mutex::new(house.database.sql().await);
        let all_gone = || async { sql.lock().await.number("SELECT {count} FROM mails", &[]).await == 0 };
        eventually(Duration::from_secs(10), all_gone).await;
    }
}

pub(crate) async fn a_mail_waits_while_its_server_is_not_the_one_that_it_should_be(engine: Engine) {
    for line in [Line::Starttls, Line::Tls] {
        let server = MailServer::on(line).await;
        let right = std::fs::read_to_string(server.certificate.path()).unwrap();
        std::fs::write(server.certificate.path(), certificate().0).unwrap();
        let house = House::with(engine, &server.settings()).await;
        sign_up(&house, ADA).await;
        tried(&house).await;
        assert_eq!((server.count(), waiting(&house).await), (0, 1), "{line:?}");
        // The file is read for each mail.
        std::fs::write(server.certificate.path(), right).unwrap();
        due(&house).await;
        assert_eq!(server.mails(1).await.len(), 1, "{line:?}");
    }
}

pub(crate) async fn a_mail_waits_while_its_server_offers_no_protection(engine: Engine) {
    let server = MailServer::start().await;
    let mut settings = server.settings();
    settings.retain(|(key, _)| *key != "SMTP_TLS");
    let house = House::with(engine, &settings).await;
    sign_up(&house, ADA).await;
    tried(&house).await;
    assert_eq!((server.count(), waiting(&house).await), (0, 1), "nothing goes in clear by itself");
}

pub(crate) async fn a_mail_waits_while_its_server_is_away_and_over_a_restart(engine: Engine) {
    let server = MailServer::on(Line::Starttls).await;
    server.network.refuse();
    let mut house = House::with(engine, &server.settings()).await;
    sign_up(&house, ADA).await;
    tried(&house).await;
    house.restart().await;
    assert_eq!(waiting(&house).await, 1);
    server.network.heal();
    due(&house).await;
    assert!(server.mails(1).await[0].contains("To: ada@example.com"));
}

pub(crate) async fn a_mail_waits_while_its_server_refuses_our_password(engine: Engine) {
    let server = MailServer::on(Line::Tls).await;
    let right = std::fs::read_to_string(server.password.path()).unwrap();
    std::fs::write(server.password.path(), "not the password").unwrap();
    let house = House::with(engine, &server.settings()).await;
    sign_up(&house, ADA).await;
    tried(&house).await;
    assert_eq!((server.count(), waiting(&house).await), (0, 1));
    std::fs::write(server.password.path(), right).unwrap();
    due(&house).await;
    assert_eq!(server.mails(1).await.len(), 1);
}

pub(crate) async fn a_mail_that_its_server_refuses_for_good_is_given_up(engine: Engine) {
    let server = MailServer::on(Line::Starttls).await;
    let house = House::with(engine, &server.settings()).await;
    sign_up(&house, "refused@example.com").await;
    let sql = &Mutex::new(house.database.sql().await);
    let all_gone = || async { sql.lock().await.number("SELECT {count} FROM mails", &[]).await == 0 };
    eventually(Duration::from_secs(30), all_gone).await;
    // It keeps nobody else's from leaving.
    sign_up(&house, ADA).await;
    assert!(server.mails(1).await[0].contains("To: ada@example.com"));
}
