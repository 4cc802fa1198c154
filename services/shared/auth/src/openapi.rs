//! How OpenAPI documents say that a route wants a token.

use utoipa::Modify;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

/// Adds the scheme `access_token`, for `modifiers(&AccessTokenScheme)`. An operation then names the scope that
/// it demands: `security(("access_token" = ["order.read"]))`; one without `security` is open.
pub struct AccessTokenScheme;

impl Modify for AccessTokenScheme {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "An access token of the platform's identity service (RFC 9068), with the scope named.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("access_token", SecurityScheme::Http(scheme));
    }
}
