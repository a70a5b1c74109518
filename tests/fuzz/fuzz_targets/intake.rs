//! Bytes of a caller: an unauthenticated one, and a sender whose head is sound, with a body in one of the encodings.
#![cfg_attr(not(test), no_main)]

use std::sync::LazyLock;

use duskwatch_fuzz::Visited;

static VISITED: LazyLock<Visited> = LazyLock::new(Visited::default);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let encoding = ["", "content-encoding: gzip\r\n", "content-encoding: zstd\r\n"];
    let said = match encoding.get(usize::from(choice & 3)) {
        Some(encoding) => {
            let length = rest.len();
            let head = format!(
                "POST /v1/evidence HTTP/1.1\r\nhost: fuzz\r\nauthorization: Bearer fuzz\r\n{encoding}content-length: {length}\r\n\r\n"
            );
            [head.as_bytes(), rest].concat()
        }
        None => rest.to_vec(),
    };
    let answer = VISITED.say(&said);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{}", String::from_utf8_lossy(&answer));
});
