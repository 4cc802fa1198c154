//! The platform as data: components, settings, servers, edges, messages.
