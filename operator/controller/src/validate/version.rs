//! Which version a platform is brought to. It is pinned in the status, so that an upgrade of the
//! operator restarts nothing (OPERATOR rule 1).

use courseplatform_api::CoursePlatform;

use super::{Defaults, Fault, Faults, VERSIONS};
use crate::dereference::Dereferenced;

const FIELD: &str = "spec.version";

pub(super) fn pinned(
    platform: &CoursePlatform,
    found: &Dereferenced,
    defaults: &Defaults,
    faults: &mut Faults,
) -> String {
    let status = platform.status.as_ref().and_then(|status| status.version.as_ref());
    let current = status.and_then(|version| version.current.as_deref());
    let version = platform
        .spec
        .version
        .as_deref()
        .or_else(|| status?.target.as_deref())
        .or(current)
        .or(found.live_version.as_deref())
        .unwrap_or(&defaults.version)
        .to_owned();
    if !VERSIONS.contains(&release(&version)) {
        let known = VERSIONS.join(", ");
        faults.spec(FIELD, format!("this operator runs version {known}, not {version}"));
    } else if current.is_some_and(|current| number(&version) < number(current)) {
        faults.add(
            Fault::Downgrade,
            FIELD,
            format!(
                "{version} is older than {}, which runs: data that was migrated can't go back",
                current.unwrap_or_default()
            ),
        );
    }
    version
}

/// The release that a version is a build of: what comes before the first `-`.
pub(super) fn release(version: &str) -> &str {
    version.split_once('-').map_or(version, |(release, _)| release)
}

fn number(version: &str) -> Vec<u64> {
    release(version).split('.').filter_map(|part| part.parse().ok()).collect()
}
