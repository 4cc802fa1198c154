//! The one way a component starts: subcommands, settings, dependencies, server, drain.
