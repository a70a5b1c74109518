//! Lines of a file that another instance has signed, each after those before it.
#![cfg_attr(not(test), no_main)]

use duskwatch::evidence::exchange::{Item, MAX_COUNT, Parser};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parser = Parser::default();
    let mut header = None;
    for line in bytes.split(|byte| *byte == b'\n') {
        std::hint::black_box(Parser::signature(line));
        match parser.line(line) {
            Err(_) => return,
            Ok(Item::Header(first)) => assert!(header.replace(first).is_none(), "one header"),
            Ok(Item::Count(count)) => {
                let header = header.as_ref().expect("a header before all counts");
                assert!(header.from <= count.day && count.day < header.until && count.uses <= MAX_COUNT);
                assert!(usize::from(count.verdict.rule) < parser.rules().len());
            }
            Ok(_) => assert!(header.is_some()),
        }
    }
});
