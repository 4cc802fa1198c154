//! Makes the released binary smaller by two options of the linker: functions with the same code are kept once,
//! and relocations are written in their short form (DT_RELR, glibc 2.36). It changes no code and nothing in
//! builds for tests.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |variable: &str, value: &str| std::env::var(variable).is_ok_and(|found| found == value);
    // Rust links with lld for this target; other linkers don't know the first option.
    if is("PROFILE", "release") && is("TARGET", "x86_64-unknown-linux-gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
