//! From what is written to what requests are matched and forwarded with.

use http::{HeaderValue, Method, Uri};
use platform_components::{HeaderRules, Route, Upstream};

use super::host::Host;
use super::pattern::{Pattern, Rewrite};
use super::table::Entry;
use super::{Compiled, Rules, Target};

/// A route, ready to be put into the table.
///
/// # Errors
/// Which of its values can't be used.
pub(super) fn route(route: Route) -> Result<Entry, String> {
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

/// Where an upstream is.
///
/// # Errors
/// What its URL must be.
pub(super) fn target(upstream: &Upstream) -> Result<Target, String> {
    let url = &upstream.url;
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
        addresses: upstream.addresses.clone(),
    })
}
