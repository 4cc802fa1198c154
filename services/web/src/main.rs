//! The web shop's binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    platform_service::main::<web::Web>()
}
