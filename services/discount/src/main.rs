//! Coupons: percent or amount, found by code.

fn main() {}
