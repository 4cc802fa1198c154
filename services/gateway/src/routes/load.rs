//! Reading and checking `routes.yaml`. Whatever is wrong is told with the line it stands on.

use std::collections::HashMap;
use std::path::Path;

use platform_components::{ROUTES_VERSION, RoutesFile};

use super::error::{Line, RoutesError};
use super::table::Entry;
use super::{Table, check, compile};

impl Table {
    /// Reads, checks and compiles a routes file.
    ///
    /// # Errors
    /// See [`RoutesError`].
    pub(crate) fn load(path: &Path) -> Result<Self, RoutesError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| RoutesError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Refuses routes that exchange tokens when nobody is there to exchange them.
    ///
    /// # Errors
    /// [`RoutesError::NoExchange`].
    pub(crate) fn exchangeable(self, text: &str, exchanges: bool) -> Result<Self, RoutesError> {
        match self.exchanging().filter(|_| !exchanges) {
            Some(route) => {
                let line = Line::find(text, "path", Some(route.name()), 0);
                Err(RoutesError::NoExchange { line, path: route.name().to_owned() })
            }
            None => Ok(self),
        }
    }

    /// The same for a text that was read from `path`.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, RoutesError> {
        let file: RoutesFile = serde_norway::from_str(text).map_err(|source| RoutesError::Syntax {
            path: path.to_owned(),
            line: Line::of(&source),
            source,
        })?;
        build(file, text)
    }
}

/// Checks and compiles what a file says.
///
/// # Errors
/// See [`RoutesError`].
pub(super) fn build(file: RoutesFile, text: &str) -> Result<Table, RoutesError> {
    if file.version != ROUTES_VERSION {
        return Err(RoutesError::Version {
            line: Line::find(text, "version", None, 0),
            version: file.version,
        });
    }
    let mut upstreams = HashMap::new();
    for (name, upstream) in file.upstreams {
        let target = compile::target(&upstream).map_err(|reason| {
            let line = Line::find(text, "url", Some(&upstream.url), 0);
            RoutesError::Upstream { line, name, reason }
        })?;
        upstreams.insert(name, target);
    }
    for (name, limit) in &file.limits {
        if limit.requests == 0 || limit.per_seconds == 0 || limit.burst == 0 {
            let line = Line::find(text, name, None, 0);
            let reason = "requests, perSeconds and burst must be at least 1";
            return Err(RoutesError::Limit { line, name: name.clone(), reason });
        }
        if !check::is_class(name) {
            let line = Line::find(text, name, None, 0);
            let reason = "a name must be 1 to 64 letters, digits, hyphens, underscores and dots";
            return Err(RoutesError::Limit { line, name: name.clone(), reason });
        }
    }
    let mut times: HashMap<String, usize> = HashMap::new();
    let mut routes: Vec<(Entry, Line)> = Vec::with_capacity(file.routes.len());
    for route in file.routes {
        let nth = times.entry(route.path.clone()).or_default();
        let line = Line::find(text, "path", Some(&route.path), *nth);
        *nth += 1;
        let path = route.path.clone();
        let wrong = |reason: String| RoutesError::Route { line, path, reason };
        let upstream = upstreams.get(&route.upstream);
        let compiled = check::alone(&route, &file.limits)
            .and_then(|()| {
                upstream.ok_or_else(|| format!("its upstream {} is not in `upstreams`", route.upstream))
            })
            .and_then(|_| compile::route(route))
            .and_then(|entry| check::beside(&entry, &routes).map(|()| entry));
        routes.push((compiled.map_err(wrong)?, line));
    }
    Ok(Table::new(routes.into_iter().map(|(entry, _)| entry).collect(), upstreams, &file.limits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Table, RoutesError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Table::load(file.path())
    }

    const GOOD: &str = "version: 1
upstreams:
  web: {url: 'http://localhost:8108'}
limits:
  few: {requests: 5, perSeconds: 1, burst: 5, by: address}
routes:
  - {path: /other, upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 6}
  - {path: /, upstream: web, methods: [GET], limit: few, bodyLimitBytes: 0, timeoutSeconds: 5}
";

    #[test]
    fn a_good_file_is_read() {
        assert_eq!(load(GOOD).unwrap().len(), 2);
    }

    #[test]
    fn wrong_files_say_what_is_wrong_and_on_which_line() {
        for (from, to, expected) in [
            ("version: 1", "# version", "missing field `version` at line 2"),
            ("version: 1", "version: 2", "line 1: version 2 is not known"),
            ("methods: [GET], limit", "methods: [], limit", "line 8: route /: needs at least one method"),
            ("methods: [GET], limit", "methods: ['G T'], limit", "line 8: route /: one of its methods"),
            ("timeoutSeconds: 5", "timeoutSeconds: 0", "line 8: route /: needs timeouts"),
            ("timeoutSeconds: 5", "timeoutSeconds: 5, colour: red", "line 8"),
            ("upstream: web, methods: [GET], limit", "upstream: catalog, methods: [GET], limit", "line 8: "),
            ("path: /,", "path: x,", "line 8: route x: must begin with a slash"),
            ("path: /other,", "path: /,", "line 8: route /: stands twice"),
            ("path: /other,", "path: '/o/{a-b}',", "line 7: route /o/{a-b}: has a variable {a-b}"),
            ("path: /other,", "path: '/o//x',", "line 7: route /o//x: must be a path"),
            ("path: /other,", "path: /other, hosts: ['a:1'],", "line 7: route /other: its host \"a:1\""),
            (
                "path: /other,",
                "path: /other, rewrite: '/{id}',",
                "line 7: route /other: its rewrite has a variable",
            ),
            (
                "path: /other,",
                "path: /other, rewrite: /a, stripPrefix: /other,",
                "line 7: route /other: has both",
            ),
            (
                "path: /other,",
                "path: /other, cache: {variants: 0},",
                "line 7: route /other: needs at least 1 variant",
            ),
            ("path: /other,", "path: /other, cache: {}, upgrade: true,", "line 7: route /other: can't keep"),
            ("path: /other,", "path: /other, cache: {size: 1},", "line 7"),
            (
                "path: /other,",
                "path: /other, requestHeaders: {set: {Authorization: x}},",
                "line 7: route /other: its header Authorization is the gateway's own",
            ),
            (
                "path: /other,",
                "path: /other, requestHeaders: {remove: [x-forwarded-for]},",
                "line 7: route /other: its header x-forwarded-for is the gateway's own",
            ),
            (
                "path: /other,",
                "path: /other, responseHeaders: {add: {Connection: close}},",
                "line 7: route /other: its header Connection is the gateway's own",
            ),
            (
                "path: /other,",
                "path: /other, responseHeaders: {set: {x-a: \"a\\nb\"}},",
                "line 7: route /other: its header x-a has a value",
            ),
            (
                "path: /other,",
                "path: /other, responseHeaders: {set: {'x a': b}},",
                "line 7: route /other: its header",
            ),
            (
                "path: /other,",
                "path: /other, publicMethods: [GET, PUT],",
                "line 7: route /other: has PUT among its `publicMethods`",
            ),
            (
                "path: /other,",
                "path: /other, origins: ['https://other.example/'],",
                "line 7: route /other: its origin \"https://other.example/\"",
            ),
            (
                "path: /other,",
                "path: /other, origins: ['other.example'],",
                "line 7: route /other: its origin",
            ),
            (
                "path: /other,",
                "path: /other, origins: ['https://A.example'],",
                "line 7: route /other: its origin",
            ),
            ("path: /other,", "path: /other, origins: ['null'],", "line 7: route /other: its origin"),
            ("  few:", "  'f\"w':", "line 5: limit f\"w: a name must be"),
            ("  few:", "  'f w':", "line 5: limit f w: a name must be"),
            ("limit: few", "limit: many", "line 8: route /: its limit many is not in `limits`"),
            ("burst: 5", "burst: 0", "line 5: limit few: "),
            ("http://localhost:8108", "https://localhost/x", "line 3: upstream web: "),
        ] {
            let error = load(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{to}: {error}");
        }
    }

    #[test]
    fn a_file_that_lacks_something_at_its_top_is_wrong_from_its_first_line_on() {
        for text in ["", "routes: []\nupstreams: {}\n"] {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains("line 1: missing field `version`"), "{text:?}: {error}");
        }
    }

    #[test]
    fn routes_that_a_request_could_be_for_alike_are_refused_with_both_lines() {
        let at = |path: &str, more: &str| {
            let route = format!(
                "routes:\n  - {{path: '{path}', upstream: web, methods: [GET], {more}bodyLimitBytes: 0, timeoutSeconds: 6}}"
            );
            load(&GOOD.replace("routes:", &route).replace("path: /other", "path: '/a/{x}'"))
        };
        for (path, expected) in [
            ("/a/{y}", "line 8: route /a/{x}: stands twice (line 7: /a/{y} takes GET too)"),
            ("/{y}/b", "line 8: route /a/{x}: is neither more nor less specific than line 7: /{y}/b"),
        ] {
            let error = at(path, "").unwrap_err().to_string();
            assert!(error.contains(expected), "{path}: {error}");
            assert!(at(path, "hosts: [other.example.org], ").is_ok(), "{path}");
        }
        assert!(
            at("/a/b", "").is_ok() && at("/a/{y}/c", "").is_ok() && at("/a/{y}", "exact: true, ").is_ok()
        );
    }
}
