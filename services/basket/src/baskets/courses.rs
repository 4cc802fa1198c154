//! What the catalog's events change in baskets.

use async_trait::async_trait;
use platform_messaging::messages::CourseRenamed;
use platform_messaging::{CloudEvent, Handler, HandlerError};

use super::store::BasketStore;

/// The queue of the catalog's events.
pub(crate) const QUEUE: &str = "basket.courses";

/// Follows courses: names in baskets are the last ones, in whatever order and however often events come.
pub(crate) struct CourseChanges(pub(crate) BasketStore);

#[async_trait]
impl Handler for CourseChanges {
    async fn handle(&self, event: &CloudEvent) -> Result<(), HandlerError> {
        let Some(renamed) = event.data::<CourseRenamed>()? else {
            return Err(HandlerError::permanent(format!("{} is not for this queue", event.kind)));
        };
        // No inbox: each basket remembers the version of the name that it has, so a doubled or late event
        // changes nothing.
        let changed = self.0.rename(renamed.course_id, &renamed.name, event.aggregate_version).await;
        let baskets = changed.map_err(HandlerError::transient)?;
        tracing::debug!(course = %renamed.course_id, baskets, "course renamed in baskets");
        Ok(())
    }
}
