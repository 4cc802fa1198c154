//! Journeys through a running platform.
