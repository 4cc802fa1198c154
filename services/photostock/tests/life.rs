//! How the photostock service starts, loses its volume, recovers and stops.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::os::unix::fs::PermissionsExt as _;

use photostock::Photostock;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, TestIssuer, golden, life};

const BINARY: &str = env!("CARGO_BIN_EXE_photostock");

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let good = Binary::new(BINARY).env("PHOTOS_DIR", folder.path().to_str().unwrap());
    let wrong = [
        ("PHOTOS_DIR", ""),
        ("PHOTOS_DIR", "/no/such/folder"),
        ("PHOTOS_DIR", file.path().to_str().unwrap()),
        ("MAX_PHOTO_BYTES", "many"),
        ("MAX_PHOTO_PIXELS", "0"),
        ("CONCURRENT_DECODES", "0"),
    ];
    life::refuses_with_tokens(&good, &wrong, &["PHOTOS_DIR"]).await;
}

#[tokio::test]
async fn help_documents_every_setting() {
    life::help_documents(
        &Binary::new(BINARY),
        &["JWKS_URI", "PHOTOS_DIR", "MAX_PHOTO_BYTES", "MAX_PHOTO_PIXELS"],
    )
    .await;
}

#[tokio::test]
async fn sigterm_ends_it_with_success() {
    let folder = tempfile::tempdir().unwrap();
    life::ends_on_sigterm(Binary::new(BINARY).env("PHOTOS_DIR", folder.path().to_str().unwrap())).await;
}

#[tokio::test]
async fn a_volume_that_is_away_is_named_and_waited_for() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("photos");
    std::fs::create_dir(&folder).unwrap();
    let settings = [("PHOTOS_DIR", folder.to_str().unwrap()), ("JWKS_URI", TestIssuer::shared().jwks_uri())];
    let component = spawn_for_test::<Photostock>(&settings).await.unwrap();
    let admin = Api::new(component.admin_url(""));
    life::ready(&admin).await;

    // A file in the folder's place: not even root can write into that.
    std::fs::rename(&folder, outside.path().join("aside")).unwrap();
    std::fs::write(&folder, "").unwrap();
    life::not_ready_for(&admin, "photos-volume").await;

    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(outside.path().join("aside"), &folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    life::ready(&admin).await;
    component.stop().await.unwrap();
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Photostock::openapi().to_pretty_json().unwrap(),
    );
}
