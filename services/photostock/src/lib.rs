//! Photos: checked, re-encoded, content-addressed.
