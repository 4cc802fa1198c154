//! The CoursePlatform resource: types, documentation and rules.
