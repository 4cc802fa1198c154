//! HTTP server and client of every component: problems, extractors, limits, probes, drain.
