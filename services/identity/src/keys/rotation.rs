//! When keys come and go: a pure plan over the keys that there are. No I/O, no clock of its own.
//!
//! A key is published a day before it signs, so that every verifier has it by then (they refresh every minute),
//! and trusted until the last token that it signed has expired.

use time::{Duration, OffsetDateTime};

use super::domain::StoredKey;

/// How long a key is in the JWKS before it signs.
const PUBLISHED_AHEAD: Duration = Duration::DAY;
/// The same in an emergency: the keepers of all replicas look within 20 s, verifiers refresh within 60 s after
/// that, and their clocks differ.
const PUBLISHED_AHEAD_IN_AN_EMERGENCY: Duration = Duration::seconds(90);
/// Beyond the life of its last token: verifiers allow 30 s, and replicas' clocks differ.
const OVERLAP: Duration = Duration::minutes(10);

/// How often keys change, and how long what they sign lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// How long a key signs.
    pub(crate) period: Duration,
    /// The longest life of a token.
    pub(crate) longest_token: Duration,
}

/// One change of the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A key of this generation is made, which signs from `not_before` on.
    Make { generation: i64, not_before: OffsetDateTime },
    /// The key of this generation is trusted no more from `at` on.
    Retire { generation: i64, at: OffsetDateTime },
}

/// Why a key is made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Nothing but the time that has passed.
    Schedule,
    /// Somebody asked; a key that waits for its turn already is enough.
    Command,
    /// The keys may be known to somebody else: all of them are replaced as soon as verifiers can follow.
    Emergency,
}

/// What has to be done at `now`; `keys` are all there ever were, by generation.
pub(crate) fn plan(keys: &[StoredKey], policy: Policy, occasion: Occasion, now: OffsetDateTime) -> Vec<Step> {
    let Some(newest) = keys.last() else { return Vec::new() };
    let waits = newest.not_before > now;
    let not_before = match occasion {
        Occasion::Emergency => Some(now + PUBLISHED_AHEAD_IN_AN_EMERGENCY),
        Occasion::Command if !waits => Some(now + PUBLISHED_AHEAD),
        Occasion::Schedule if newest.not_before + policy.period - PUBLISHED_AHEAD <= now => {
            Some(now + PUBLISHED_AHEAD)
        }
        Occasion::Command | Occasion::Schedule => None,
    };
    let mut steps = Vec::new();
    if let Some(not_before) = not_before {
        steps.push(Step::Make { generation: newest.generation + 1, not_before });
        if occasion == Occasion::Emergency {
            let trusted = keys.iter().filter(|key| key.retired_at.is_none_or(|end| end > not_before));
            steps.extend(trusted.map(|key| Step::Retire { generation: key.generation, at: not_before }));
            return steps;
        }
    }
    for (key, successor) in keys.iter().zip(keys.iter().skip(1)) {
        if key.retired_at.is_none() && successor.not_before <= now {
            let at = successor.not_before + policy.longest_token + OVERLAP;
            steps.push(Step::Retire { generation: key.generation, at });
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::keyring::tests::keyring;
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
    const POLICY: Policy = Policy { period: Duration::days(30), longest_token: Duration::minutes(5) };

    fn key(generation: i64, not_before: OffsetDateTime) -> StoredKey {
        StoredKey::make(&keyring("a", 1), generation, not_before, not_before).unwrap()
    }

    #[test]
    fn a_successor_is_published_a_day_before_the_period_ends() {
        let keys = [key(1, NOW)];
        let due = NOW + Duration::days(29);
        assert_eq!(plan(&keys, POLICY, Occasion::Schedule, due - Duration::SECOND), []);
        let make = Step::Make { generation: 2, not_before: NOW + Duration::days(30) };
        assert_eq!(plan(&keys, POLICY, Occasion::Schedule, due), [make]);
        let keys = [key(1, NOW), key(2, NOW + Duration::days(30))];
        assert_eq!(plan(&keys, POLICY, Occasion::Schedule, due), [], "one successor is enough");
        assert_eq!(plan(&keys, POLICY, Occasion::Command, due), [], "also when asked for");
    }

    #[test]
    fn the_old_key_is_trusted_until_its_last_token_has_expired() {
        let turn = NOW + Duration::days(30);
        let keys = [key(1, NOW), key(2, turn)];
        assert_eq!(plan(&keys, POLICY, Occasion::Schedule, turn - Duration::SECOND), []);
        let retire = Step::Retire { generation: 1, at: turn + Duration::minutes(15) };
        assert_eq!(plan(&keys, POLICY, Occasion::Schedule, turn), [retire]);
        let mut keys = keys;
        keys[0].retired_at = Some(turn + Duration::minutes(15));
        assert_eq!(plan(&keys, POLICY, Occasion::Schedule, turn), [], "once is enough");
    }

    #[test]
    fn a_command_makes_a_key_that_waits_its_day() {
        let make = Step::Make { generation: 2, not_before: NOW + Duration::DAY };
        assert_eq!(plan(&[key(1, NOW)], POLICY, Occasion::Command, NOW), [make]);
    }

    #[test]
    fn an_emergency_replaces_every_key_also_the_one_that_waits() {
        let keys = [key(1, NOW - Duration::DAY), key(2, NOW + Duration::DAY)];
        let at = NOW + PUBLISHED_AHEAD_IN_AN_EMERGENCY;
        let steps = plan(&keys, POLICY, Occasion::Emergency, NOW);
        assert_eq!(
            steps,
            [
                Step::Make { generation: 3, not_before: at },
                Step::Retire { generation: 1, at },
                Step::Retire { generation: 2, at },
            ]
        );
    }

    #[test]
    fn the_first_key_is_not_planned_here() {
        assert_eq!(plan(&[], POLICY, Occasion::Emergency, NOW), []);
    }
}
