//! Categories and courses.
