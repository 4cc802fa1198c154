//! Reading and checking `routes.yaml`. Whatever is wrong is told with the line it stands on.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use http::{HeaderValue, Method, Uri};
use platform_components::{HeaderRules, Name, ROUTES_VERSION, Route, RoutesFile};

use super::host::Host;
use super::pattern::{Pattern, Rewrite};
use super::table::Entry;
use super::{Compiled, Rules, Table, Target};

/// Why a routes file can't be used. The text says where and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoutesError {
    #[error("can't read {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// The parser's text names line and column.
    #[error("{path}: {source}")]
    Syntax { path: PathBuf, source: serde_norway::Error },
    #[error("{line}version {version} is not known to this gateway, which reads version {ROUTES_VERSION}")]
    Version { line: Line, version: u32 },
    #[error("{line}upstream {name}: {reason}")]
    Upstream { line: Line, name: Name, reason: String },
    #[error("{line}limit {name}: {reason}")]
    Limit { line: Line, name: String, reason: &'static str },
    #[error(
        "TOKEN_URL: {line}route {path} exchanges tokens there; set it, or `exchange: false` in the route"
    )]
    NoExchange { line: Line, path: String },
    #[error("{line}route {path}: {reason}")]
    Route { line: Line, path: String, reason: String },
}

/// Where in the file; unknown where a file is written in an unusual way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(line) => write!(f, "line {line}: "),
            None => Ok(()),
        }
    }
}

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
                let line = line_of(text, "path", Some(route.name()), 0);
                Err(RoutesError::NoExchange { line, path: route.name().to_owned() })
            }
            None => Ok(self),
        }
    }

    /// The same for a text that was read from `path`.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, RoutesError> {
        let file: RoutesFile = serde_norway::from_str(text)
            .map_err(|source| RoutesError::Syntax { path: path.to_owned(), source })?;
        compile(file, text)
    }
}

pub(super) fn compile(file: RoutesFile, text: &str) -> Result<Table, RoutesError> {
    if file.version != ROUTES_VERSION {
        return Err(RoutesError::Version { line: line_of(text, "version", None, 0), version: file.version });
    }
    let mut upstreams = HashMap::new();
    for (name, upstream) in file.upstreams {
        let target = target(&upstream.url).map_err(|reason| {
            let line = line_of(text, "url", Some(&upstream.url), 0);
            RoutesError::Upstream { line, name, reason }
        })?;
        upstreams.insert(name, target);
    }
    for (name, limit) in &file.limits {
        if limit.requests == 0 || limit.per_seconds == 0 || limit.burst == 0 {
            let line = line_of(text, name, None, 0);
            let reason = "requests, perSeconds and burst must be at least 1";
            return Err(RoutesError::Limit { line, name: name.clone(), reason });
        }
        if !is_class(name) {
            let line = line_of(text, name, None, 0);
            let reason = "a name must be 1 to 64 letters, digits, hyphens, underscores and dots";
            return Err(RoutesError::Limit { line, name: name.clone(), reason });
        }
    }
    let mut times: HashMap<String, usize> = HashMap::new();
    let mut routes: Vec<(Entry, Line)> = Vec::with_capacity(file.routes.len());
    for route in file.routes {
        let nth = times.entry(route.path.clone()).or_default();
        let line = line_of(text, "path", Some(&route.path), *nth);
        *nth += 1;
        let path = route.path.clone();
        let wrong = |reason: String| RoutesError::Route { line, path, reason };
        let upstream = upstreams.get(&route.upstream);
        let compiled = check(&route, &file.limits)
            .and_then(|()| {
                upstream.ok_or_else(|| format!("its upstream {} is not in `upstreams`", route.upstream))
            })
            .and_then(|_| compile_route(route))
            .and_then(|entry| tell_apart(&entry, &routes).map(|()| entry));
        routes.push((compiled.map_err(wrong)?, line));
    }
    Ok(Table::new(routes.into_iter().map(|(entry, _)| entry).collect(), upstreams, &file.limits))
}

/// Refuses a route when a request could be for it or for one of `others` alike.
fn tell_apart(entry: &Entry, others: &[(Entry, Line)]) -> Result<(), String> {
    let (route, pattern, hosts) = entry;
    for ((other, others_pattern, others_hosts), line) in others {
        let meet = hosts.is_empty() && others_hosts.is_empty()
            || hosts.iter().any(|host| others_hosts.contains(host));
        if !meet {
            continue;
        }
        let shared = route.methods.iter().find(|method| other.allows(method));
        if pattern.is_same(others_pattern)
            && let Some(method) = shared
        {
            return Err(format!("stands twice ({line}{} takes {method} too)", other.name()));
        }
        if pattern.clashes(others_pattern) {
            return Err(format!("is neither more nor less specific than {line}{}", other.name()));
        }
    }
    Ok(())
}

fn check<L>(route: &Route, limits: &std::collections::BTreeMap<String, L>) -> Result<(), String> {
    let wrong = |reason: &str| Err(reason.to_owned());
    if !route.path.starts_with(&route.strip_prefix) {
        return wrong("must begin with its `stripPrefix`");
    }
    if route.rewrite.is_some() && !route.strip_prefix.is_empty() {
        return wrong("has both `rewrite` and `stripPrefix`");
    }
    if route.cache.is_some() && route.upgrade {
        return wrong("can't keep answers where connections are upgraded");
    }
    if route.cache.is_some_and(|rule| rule.variants == 0 || rule.wait_seconds == 0) {
        return wrong("needs at least 1 variant and 1 second in its `cache`");
    }
    if route.methods.is_empty() {
        return wrong("needs at least one method");
    }
    if let Some(method) = route.public_methods.iter().find(|it| !route.methods.contains(it)) {
        return Err(format!("has {method} among its `publicMethods` and not among its `methods`"));
    }
    if let Some(origin) = route.origins.iter().find(|origin| !is_origin(origin)) {
        return Err(format!(
            "its origin {origin:?} must be * or as browsers write one, such as https://other.example"
        ));
    }
    if route.timeout_seconds == 0 || route.idle_timeout_seconds == 0 || route.total_timeout_seconds == Some(0)
    {
        return wrong("needs timeouts of at least 1 second");
    }
    if route.retries > 5 {
        return wrong("may be tried again 5 times at most");
    }
    if !route.scopes.is_empty() && route.audience.is_none() {
        return wrong("needs an `audience` for its `scopes`");
    }
    match &route.limit {
        Some(class) if !limits.contains_key(class) => Err(format!("its limit {class} is not in `limits`")),
        _ => Ok(()),
    }
}

/// Whether a class of limits can be named in a header, a label and a key of Redis without more ado.
fn is_class(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Whether a browser would write an origin like this (RFC 6454 §6.2): any other text would never be met.
fn is_origin(text: &str) -> bool {
    let same = |url: url::Url| url.origin().is_tuple() && url.origin().ascii_serialization() == text;
    text == "*" || text.parse().is_ok_and(same)
}

fn compile_route(route: Route) -> Result<Entry, String> {
    let methods = |names: &[String]| {
        let methods = names.iter().map(|name| Method::from_bytes(name.as_bytes()));
        methods.collect::<Result<Vec<_>, _>>().map_err(|_| "one of its methods is none".to_owned())
    };
    let rules =
        |rules: &HeaderRules| Some(rules).filter(|rules| !rules.is_empty()).map(Rules::compile).transpose();
    let origins = route.origins.iter().map(|origin| HeaderValue::from_str(origin));
    let pattern = Pattern::parse(&route.path, route.exact)?;
    let hosts = route.hosts.iter().map(|host| Host::parse(host)).collect::<Result<_, _>>()?;
    let rewrite = route.rewrite.as_deref().map(|template| Rewrite::parse(template, &pattern));
    let compiled = Compiled {
        methods: methods(&route.methods)?,
        public_methods: methods(&route.public_methods)?,
        allow: HeaderValue::try_from(route.methods.join(", "))
            .map_err(|_| "one of its methods is none".to_owned())?,
        origins: origins.collect::<Result<_, _>>().map_err(|_| "one of its origins is none".to_owned())?,
        rewrite: rewrite.transpose().map_err(|reason| format!("its rewrite {reason}"))?,
        request_rules: rules(&route.request_headers)?,
        response_rules: rules(&route.response_headers)?,
        limit: None,
        index: 0,
        route,
    };
    Ok((compiled, pattern, hosts))
}

/// An upstream's host and port.
fn target(url: &str) -> Result<Target, String> {
    let uri: Uri = url.parse().map_err(|_| format!("{url:?} is no URL"))?;
    let wrong = || format!("{url:?} must be http://host:port without a path");
    let authority = uri.authority().ok_or_else(wrong)?;
    if uri.scheme_str() != Some("http") || uri.path() != "/" || uri.query().is_some() {
        return Err(wrong());
    }
    if authority.as_str().contains('@') {
        return Err(wrong());
    }
    Ok(Target {
        host: authority.host().trim_matches(['[', ']']).to_owned(),
        port: authority.port_u16().unwrap_or(80),
        authority: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?,
    })
}

/// The line on which `key` stands (with this value) for the `nth` time, in YAML of either form and JSON.
fn line_of(text: &str, key: &str, value: Option<&str>, nth: usize) -> Line {
    let quotes: &[char] = &['"', '\'', ' '];
    let has = |line: &str| {
        line.match_indices(key).any(|(at, _)| {
            let starts = line[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
            let Some(rest) = line[at + key.len()..].trim_start_matches(quotes).strip_prefix(':') else {
                return false;
            };
            let rest = rest.trim_start_matches(quotes);
            let ends = |value: &str| {
                rest.strip_prefix(value).is_some_and(|after| {
                    after.chars().next().is_none_or(|next| matches!(next, '"' | '\'' | ',' | ' ' | '}' | '#'))
                })
            };
            starts && value.is_none_or(ends)
        })
    };
    Line(text.lines().enumerate().filter(|(_, line)| has(line)).nth(nth).map(|(number, _)| number + 1))
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
