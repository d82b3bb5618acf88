//! The parser that has this binary's name.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| board::parsers::parse(env!("CARGO_BIN_NAME"), input));
