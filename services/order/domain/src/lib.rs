//! The Order aggregate: rules without I/O.
