//! `courseplatform-admin`: provisions servers and looks after dead letters. See the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    courseplatform_admin::main()
}
