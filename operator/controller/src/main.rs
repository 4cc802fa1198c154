//! `courseplatform-operator`: turns each `CoursePlatform` into a running platform. See the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    courseplatform_operator::main()
}
