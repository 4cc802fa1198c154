//! How many requests are handled at the same time. When there are too many, some are turned away at once,
//! the least important first, so that the others are still answered quickly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use platform_components::Priority;
use platform_http::Problem;
use platform_http::problem;

/// Counts requests from their begin to their answers' end.
#[derive(Debug)]
pub(crate) struct Load {
    active: Arc<AtomicU32>,
    most: u32,
}

/// One request's place.
#[derive(Debug)]
pub(crate) struct Permit(Arc<AtomicU32>);

impl Load {
    pub(crate) fn new(most: u32) -> Self {
        Self { active: Arc::default(), most }
    }

    /// A place for a request of this priority.
    ///
    /// # Errors
    /// A 503 with `Retry-After` when what is left is for more important ones.
    pub(crate) fn admit(&self, priority: Priority) -> Result<Permit, Problem> {
        let share = match priority {
            Priority::Low => self.most / 4 * 3,
            Priority::Normal => self.most - self.most / 10,
            Priority::High => self.most,
        };
        let permit = Permit(self.active.clone());
        if self.active.fetch_add(1, Ordering::Relaxed) < share.max(1) {
            return Ok(permit);
        }
        metrics::counter!("gateway_shed_total", "priority" => name(priority)).increment(1);
        Err(problem::UNAVAILABLE.detail("too busy right now, try again").retry_after(1))
    }
}

fn name(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_important_are_turned_away_last() {
        let load = Load::new(20);
        let mut held = Vec::new();
        let mut fill = |priority| {
            let before = held.len();
            while let Ok(permit) = load.admit(priority) {
                held.push(permit);
            }
            held.len() - before
        };
        assert_eq!(fill(Priority::Low), 15);
        assert_eq!(fill(Priority::Normal), 3);
        assert_eq!(fill(Priority::High), 2);
        held.clear();
        assert!(load.admit(Priority::Low).is_ok());
    }
}
