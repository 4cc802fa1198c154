//! Rules in CEL that would be long to write out. The API server estimates what a rule may cost, by the
//! bounds of the fields that it reads; a value that passed through `orValue` or `?:` has no bound any
//! more, so comparing two of them is refused. These rules therefore compare fields only directly.

/// The field, absent counting as `default`, is what it was.
pub(crate) fn unchanged(path: &str, default: &str) -> String {
    let (new, old) = (format!("self.{path}"), format!("oldSelf.{path}"));
    let (has_new, has_old) = (present("self", path), present("oldSelf", path));
    format!(
        "({has_new} ? ({has_old} ? {new} == {old} : {new} == '{default}') : (!({has_old}) || {old} == '{default}'))"
    )
}

/// Size and class of the volume described at `path` are what they were.
pub(crate) fn volume_unchanged(path: &str, size: &str) -> String {
    let size = unchanged(&format!("{path}.size"), size);
    // No class has the empty name, so absent is like nothing else.
    let class = unchanged(&format!("{path}.className"), "");
    format!("{size} && {class}")
}

/// None of these services chooses an engine.
pub(crate) fn no_engine(services: &[&str]) -> String {
    let chosen: Vec<String> =
        services.iter().map(|service| format!("self.?{service}.?engine.hasValue()")).collect();
    format!("!({})", chosen.join(" || "))
}

/// Whether every step of the path is there.
fn present(root: &str, path: &str) -> String {
    let mut at = root.to_owned();
    let steps: Vec<String> = path
        .split('.')
        .map(|step| {
            at = format!("{at}.{step}");
            format!("has({at})")
        })
        .collect();
    steps.join(" && ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_counts_as_the_default_on_both_sides() {
        assert_eq!(
            unchanged("a.b", "x"),
            "(has(self.a) && has(self.a.b) ? \
             (has(oldSelf.a) && has(oldSelf.a.b) ? self.a.b == oldSelf.a.b : self.a.b == 'x') : \
             (!(has(oldSelf.a) && has(oldSelf.a.b)) || oldSelf.a.b == 'x'))"
        );
    }
}
