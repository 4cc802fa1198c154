//! Events to publish, and what every outbox store must do; for the test programs of every store.

use std::time::Duration;

use platform_messaging::CloudEvent;
use platform_messaging::messages::CourseRenamed;
use platform_messaging::outbox::{Backlog, OutboxStore, lane_of};
use platform_testkit::eventually;
use uuid::Uuid;

/// Far more than anything here takes.
pub(crate) const SOON: Duration = Duration::from_secs(30);
const LEASE: Duration = Duration::from_secs(60);

/// Lanes have one holder at a time, who keeps them, and who can give them back.
pub(crate) async fn leases_are_exclusive(store: &impl OutboxStore) {
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    assert_eq!(sorted(store.lease(first, LEASE).await.unwrap()), (0..16).collect::<Vec<i16>>());
    assert!(store.lease(second, LEASE).await.unwrap().is_empty());
    assert_eq!(store.lease(first, LEASE).await.unwrap().len(), 16);
    store.release(second).await.unwrap();
    assert!(store.lease(second, LEASE).await.unwrap().is_empty());
    store.release(first).await.unwrap();
    assert_eq!(store.lease(second, LEASE).await.unwrap().len(), 16);
    // One that has ended is anybody's.
    store.lease(second, Duration::ZERO).await.unwrap();
    eventually(SOON, || async { store.lease(first, LEASE).await.unwrap().len() == 16 }).await;
}

/// Entries come by lane, in order, until they are published. `events` were appended before.
pub(crate) async fn entries_stay_until_they_are_published<S: OutboxStore>(
    store: &S,
    events: Vec<(Uuid, String)>,
) {
    let all: Vec<i16> = (0..16).collect();
    let fetched = store.fetch(&all, 1000).await.unwrap();
    for lane in &all {
        let expected: Vec<_> = events.iter().filter(|it| lane_of(&it.1) == *lane).map(|it| it.0).collect();
        let of_lane: Vec<_> = fetched.iter().filter(|it| it.lane == *lane).map(|it| it.event_id).collect();
        assert_eq!(of_lane, expected);
    }
    let backlog = store.backlog().await.unwrap();
    assert_eq!(backlog.entries, events.len() as u64);
    assert!((0.0..60.0).contains(&backlog.oldest_seconds));

    let lane = fetched[0].lane;
    let keys: Vec<_> = fetched.iter().filter(|it| it.lane == lane).map(|it| it.key.clone()).collect();
    store.published(&keys).await.unwrap();
    store.published(&keys).await.unwrap();
    assert!(store.fetch(&[lane], 1000).await.unwrap().is_empty());

    let rest: Vec<_> = store.fetch(&all, 1000).await.unwrap().into_iter().map(|it| it.key).collect();
    assert_eq!(rest.len(), events.len() - keys.len());
    store.published(&rest).await.unwrap();
    assert_eq!(store.backlog().await.unwrap(), Backlog::default());
    store.published(&[]).await.unwrap();
    assert!(store.fetch(&[], 1000).await.unwrap().is_empty());
    store.sweep().await.unwrap();
}

fn sorted(mut lanes: Vec<i16>) -> Vec<i16> {
    lanes.sort_unstable();
    lanes
}

/// Event number `version` of a course.
pub(crate) fn renamed(course: Uuid, version: i64) -> CloudEvent {
    let data = CourseRenamed { course_id: course, name: format!("name {version}") };
    CloudEvent::new("catalog", course.to_string(), version, &data).unwrap()
}

/// Event 1 to `versions` of each of `courses` courses, one course after the other within a version.
pub(crate) fn renames(courses: usize, versions: i64) -> Vec<CloudEvent> {
    let courses: Vec<Uuid> = (0..courses).map(|_| Uuid::now_v7()).collect();
    (1..=versions).flat_map(|version| courses.iter().map(move |course| renamed(*course, version))).collect()
}
