//! Who really published a message. RabbitMQ refuses a `user_id` that is not the publisher's login, so that
//! property can be trusted; retries and replays are copies published by others, who name the origin in a
//! header.

use std::sync::Once;

use lapin::message::Delivery;

use crate::consumer::HandlerError;
use crate::event::CloudEvent;
use crate::headers;

/// Whom this consumer believes.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    /// Off where all components share one login, as on a developer's machine: then nobody can be told apart.
    enforced: bool,
}

impl Trust {
    /// For a consumer of `service` that is logged in as `login`.
    pub(crate) fn new(login: &str, service: &str) -> Self {
        let enforced = service_of(login) == service;
        if !enforced {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                tracing::warn!(
                    login,
                    "the broker's login is not this service's own: producers are not checked"
                );
            });
        }
        Self { enforced }
    }

    /// Refuses a message whose type its real publisher may not write.
    pub(crate) fn check(&self, origin: Option<&str>, event: &CloudEvent) -> Result<(), HandlerError> {
        if !self.enforced {
            return Ok(());
        }
        let refuse = |why: String| Err(HandlerError::permanent(why));
        let Some(message) = platform_components::message(&event.kind) else {
            return refuse(format!("{} is not in the table of messages", event.kind));
        };
        let publisher = message.publisher.as_str();
        if event.service() != publisher {
            return refuse(format!("{} says it is of {}, not of {publisher}", event.kind, event.service()));
        }
        match origin {
            Some(login) if service_of(login) == publisher => Ok(()),
            Some(login) => refuse(format!("{} was published by the login {login}", event.kind)),
            None => refuse(format!("{} does not say who published it", event.kind)),
        }
    }
}

/// The login that published `delivery` first, if that may be believed, for a queue of `service`.
pub(crate) fn origin(delivery: &Delivery, service: &str) -> Option<String> {
    let login = delivery.properties.user_id().as_ref()?.to_string();
    let named = headers::text(delivery.properties.headers().as_ref(), headers::ORIGIN_USER);
    // Our own retry, or a replay: beside the components only the platform's administrator has a login.
    let believed = service_of(&login) == service || !is_component(service_of(&login));
    Some(named.filter(|_| believed).unwrap_or(login))
}

/// `cp_0a1b2c3d_catalog_a`, `catalog_b` and `catalog` are logins of `catalog`: the last part that is not the
/// letter of a rotation. No component has an underscore in its name.
fn service_of(login: &str) -> &str {
    let login = login.strip_suffix("_a").or_else(|| login.strip_suffix("_b")).unwrap_or(login);
    login.rsplit('_').next().unwrap_or(login)
}

fn is_component(name: &str) -> bool {
    platform_components::components().iter().any(|component| component.name.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::CourseRenamed;
    use lapin::BasicProperties;
    use uuid::Uuid;

    fn renamed(service: &str) -> CloudEvent {
        let data = CourseRenamed { course_id: Uuid::now_v7(), name: "Rust".to_owned() };
        CloudEvent::new(service, "course", 1, &data).unwrap()
    }

    fn origin_of(login: &str, named: Option<&str>) -> String {
        let mut delivery = Delivery::mock(1, "exchange".into(), "key".into(), false, Vec::new());
        let headers = named.map(|it| headers::with_text(headers::ORIGIN_USER, it)).unwrap_or_default();
        delivery.properties = BasicProperties::default().with_user_id(login.into()).with_headers(headers);
        origin(&delivery, "basket").unwrap()
    }

    #[test]
    fn a_login_tells_its_service() {
        for login in ["cp_0a1b2c3d_catalog_a", "cp_0a1b2c3d_catalog_b", "catalog_a", "catalog"] {
            assert_eq!(service_of(login), "catalog", "{login}");
        }
        assert_eq!(service_of("admin"), "admin");
    }

    #[test]
    fn only_the_publisher_in_the_table_is_believed() {
        let trust = Trust::new("cp_0a1b2c3d_basket_a", "basket");
        assert!(trust.check(Some("cp_0a1b2c3d_catalog_b"), &renamed("catalog")).is_ok());
        assert!(trust.check(Some("cp_0a1b2c3d_discount_a"), &renamed("catalog")).is_err());
        assert!(trust.check(Some("cp_0a1b2c3d_discount_a"), &renamed("discount")).is_err());
        assert!(trust.check(None, &renamed("catalog")).is_err());
    }

    #[test]
    fn the_origin_is_believed_from_own_retries_and_the_administrator_only() {
        assert_eq!(origin_of("basket_b", Some("catalog_a")), "catalog_a");
        assert_eq!(origin_of("admin", Some("catalog_a")), "catalog_a");
        assert_eq!(origin_of("discount_a", Some("catalog_a")), "discount_a");
        assert_eq!(origin_of("catalog_a", None), "catalog_a");
    }

    #[test]
    fn with_a_shared_login_nobody_can_be_told_apart() {
        let trust = Trust::new("guest", "basket");
        assert!(trust.check(Some("guest"), &renamed("catalog")).is_ok());
    }
}
