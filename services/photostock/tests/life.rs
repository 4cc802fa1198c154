//! How the photostock service starts, loses its volume, recovers and stops.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use photostock::Photostock;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, eventually, golden};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_photostock");

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let good = Binary::new(BINARY).env("PHOTOS_DIR", folder.path().to_str().unwrap());
    for (key, value) in [
        ("PHOTOS_DIR", ""),
        ("PHOTOS_DIR", "/no/such/folder"),
        ("PHOTOS_DIR", file.path().to_str().unwrap()),
        ("MAX_PHOTO_BYTES", "many"),
        ("MAX_PHOTO_PIXELS", "0"),
        ("CONCURRENT_DECODES", "0"),
    ] {
        good.clone().env(key, value).refuses(key).await;
    }
    good.without("PHOTOS_DIR").refuses("PHOTOS_DIR").await;
}

#[tokio::test]
async fn a_volume_that_is_away_is_named_and_waited_for() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("photos");
    std::fs::create_dir(&folder).unwrap();
    let component = spawn_for_test::<Photostock>(&[("PHOTOS_DIR", folder.to_str().unwrap())]).await.unwrap();
    let admin = Api::new(component.admin_url(""));
    let ready = || async { admin.get("/readyz").await.status == 200 };
    eventually(Duration::from_secs(5), ready).await;

    // A file in the folder's place: not even root can write into that.
    std::fs::rename(&folder, outside.path().join("aside")).unwrap();
    std::fs::write(&folder, "").unwrap();
    eventually(Duration::from_secs(15), || async { !ready().await }).await;
    let report: Value = admin.get("/readyz").await.expect(503).json();
    assert_eq!(report["dependencies"][0]["name"], "photos-volume", "{report}");
    admin.get("/livez").await.assert_status(200);

    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(outside.path().join("aside"), &folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    eventually(Duration::from_secs(15), ready).await;
    component.stop().await.unwrap();
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Photostock::openapi().to_pretty_json().unwrap(),
    );
}
