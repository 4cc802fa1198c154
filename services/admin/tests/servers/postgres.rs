use platform_components::{Name, ServerKind};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use crate::platform::{Platform, required};

fn platform() -> Platform {
    let platform = Platform::new();
    platform.connection(ServerKind::Postgres, &[("uri", required("TEST_POSTGRES_URL").as_str())]);
    platform
}

async fn admin() -> PgConnection {
    required("TEST_POSTGRES_URL").as_str().parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
}

/// Logs in to a component's database as its first login.
async fn login(platform: &Platform, user: Name, database: Name) -> Result<PgConnection, sqlx::Error> {
    let admin: PgConnectOptions = required("TEST_POSTGRES_URL").as_str().parse().unwrap();
    admin
        .username(&format!("{}_a", platform.database(user)))
        .password(&platform.password(user, ServerKind::Postgres))
        .database(&platform.database(database))
        .connect()
        .await
}

async fn clean(platform: &Platform) {
    let mut admin = admin().await;
    for component in [Name::Identity, Name::Discount, Name::Order, Name::Payment] {
        let database = platform.database(component);
        for statement in [
            format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"),
            format!("DROP ROLE IF EXISTS {database}_a"),
            format!("DROP ROLE IF EXISTS {database}_owner"),
        ] {
            admin.execute(AssertSqlSafe(statement)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn each_component_gets_a_database_that_only_it_can_enter() {
    let platform = platform();
    platform.provision().await.unwrap();
    let mut order = login(&platform, Name::Order, Name::Order).await.unwrap();
    order.execute("CREATE TABLE things (id int)").await.unwrap();
    let owner: String = sqlx::query_scalar("SELECT tableowner FROM pg_tables WHERE tablename = 'things'")
        .fetch_one(&mut order)
        .await
        .unwrap();
    assert_eq!(owner, format!("{}_owner", platform.database(Name::Order)));
    let refused = login(&platform, Name::Payment, Name::Order).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("42501"), "{refused}");
    drop(order);
    clean(&platform).await;
}

#[tokio::test]
async fn a_plan_can_be_applied_again_and_twice_at_once() {
    let platform = platform();
    let (first, second) = tokio::join!(platform.provision(), platform.provision());
    first.unwrap();
    second.unwrap();
    let mut admin = admin().await;
    let login = format!("{}_a", platform.database(Name::Order));
    let mut stored = async || -> String {
        sqlx::query_scalar("SELECT rolpassword FROM pg_authid WHERE rolname = $1")
            .bind(&login)
            .fetch_one(&mut admin)
            .await
            .unwrap()
    };
    let before = stored().await;
    platform.provision().await.unwrap();
    assert_eq!(stored().await, before, "the password was set again");
    clean(&platform).await;
}

#[tokio::test]
async fn a_new_password_counts_from_the_next_run_on() {
    let platform = platform();
    platform.provision().await.unwrap();
    platform.set_password(Name::Order, ServerKind::Postgres, "another one");
    assert!(login(&platform, Name::Order, Name::Order).await.is_err());
    platform.provision().await.unwrap();
    drop(login(&platform, Name::Order, Name::Order).await.unwrap());
    clean(&platform).await;
}

#[tokio::test]
async fn a_wrong_administrator_is_told_at_once_and_without_the_password() {
    let platform = Platform::new();
    let mut wrong = required("TEST_POSTGRES_URL");
    wrong.set_password(Some("hunter2")).unwrap();
    platform.connection(ServerKind::Postgres, &[("uri", wrong.as_str())]);
    let started = std::time::Instant::now();
    let error = platform.provision().await.unwrap_err().to_string();
    assert!(error.contains("PostgreSQL") && !error.contains("hunter2"), "{error}");
    assert!(started.elapsed() < std::time::Duration::from_secs(10));
}
