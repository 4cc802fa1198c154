//! Whose sign-in takes a second factor in any case. No I/O.

use crate::accounts::Roles;

/// Of whom a second factor is demanded; everybody else may have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RequiredFor {
    /// Of nobody.
    None,
    /// Of administrators.
    Admins,
    /// Of instructors and administrators.
    Instructors,
    /// Of everybody.
    Everyone,
}

impl RequiredFor {
    /// Whether it is demanded of somebody who is this.
    pub(crate) fn includes(self, roles: Roles) -> bool {
        match self {
            Self::None => false,
            Self::Admins => roles.admin,
            Self::Instructors => roles.instructor || roles.admin,
            Self::Everyone => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_demanded_of_those_who_may_do_more() {
        let of = |instructor, admin| Roles { instructor, admin };
        for (required, expected) in [
            (RequiredFor::None, [false, false, false]),
            (RequiredFor::Admins, [false, false, true]),
            (RequiredFor::Instructors, [false, true, true]),
            (RequiredFor::Everyone, [true, true, true]),
        ] {
            let each = [of(false, false), of(true, false), of(false, true)];
            assert_eq!(each.map(|roles| required.includes(roles)), expected, "{required:?}");
        }
    }
}
