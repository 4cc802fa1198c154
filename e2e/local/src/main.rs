//! The command line of the local platform. It parses arguments and hands over;
//! everything that it does stands in the library.

use std::process::ExitCode;

use clap::Parser;
use courseplatform_local::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
