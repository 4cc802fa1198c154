//! The chart installs the definition that the types make.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper fails its test")]

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/courseplatform-operator");

#[test]
fn the_charts_definition_is_the_committed_one() {
    let committed =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/courseplatforms.yaml"))
            .unwrap();
    let path = format!("{CHART}/files/courseplatforms.yaml");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &committed).unwrap();
    }
    let installed = std::fs::read_to_string(path).unwrap();
    assert!(
        installed == committed,
        "the chart's copy is stale: UPDATE=1 cargo test -p courseplatform-operator --test chart"
    );
}

#[test]
fn every_rule_has_its_reason() {
    let text = std::fs::read_to_string(format!("{CHART}/templates/rbac.yaml")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("  - apiGroups:")) {
        let mut above = lines[..number].iter().rev();
        // Two rules on one subject share a reason.
        let reason = above.find(|line| line.trim_start().starts_with('#') || line.starts_with("rules:"));
        assert!(reason.is_some_and(|line| line.trim_start().starts_with('#')), "{line} has no reason");
    }
    assert!(!text.contains("\"*\"") && !text.contains("[*]"), "no rule is for everything");
}
