//! Logs, traces and metrics of every component.
