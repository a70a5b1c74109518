//! Files and directories whose names are no UTF-8.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _};

use super::{Layout, Logs};

#[test]
fn a_file_whose_name_is_no_utf8_is_unread_until_it_is_renamed() {
    let mut logs = Logs::new(Layout::Lines, "*/app*.jsonl");
    let (directory, odd) = (logs.path("a"), |name: &[u8]| OsStr::from_bytes(name).to_owned());
    let (hiding, empty) = (logs.path("").join(odd(b"\xff")), logs.path("").join(odd(b"\xfe")));
    for directory in [&directory, &hiding, &empty] {
        fs::create_dir(directory).expect("a directory");
    }
    let named: [(&[u8], &str); 5] = [
        (b"app\xe4.jsonl", "one\n"),
        (b"app\xe5.jsonl", "another\n"),
        (b"app\xe4.jsonl.1", "rotated\n"),
        (b"other\xe4.jsonl", "not asked for\n"),
        (b"app-empty\xe4.jsonl", ""),
    ];
    for (name, text) in named {
        fs::write(directory.join(odd(name)), text).expect("a file");
    }
    fs::write(hiding.join("app.jsonl"), "hidden\n").expect("a file");
    for new in [4, 0, 0] {
        let found = logs.plan();
        assert_eq!((found.skipped.iter().map(|skip| skip.count).sum::<u64>(), found.unread[0].count), (new, 4));
        assert!(found.unread[0].sample.contains("its name is no UTF-8"), "{:?}", found.unread);
        assert!((found.files.len(), found.lost, found.gone.len()) == (0, false, 0), "{:?}", found.gone);
        assert_eq!(found.cursors.len() as u64, new, "each is remembered once");
        logs.commit(found.cursors);
    }
    for (number, (name, _)) in named[..2].iter().enumerate() {
        fs::rename(directory.join(odd(name)), directory.join(format!("app-{number}.jsonl"))).expect("renamed");
    }
    fs::rename(&hiding, logs.path("b")).expect("renamed");
    let found = logs.plan();
    assert_eq!((found.files.len(), found.unread[0].count, found.lost, found.gone.len()), (3, 1, false, 0), "{:?}", found.gone);
    logs.commit(found.cursors);
    fs::remove_file(directory.join(odd(named[2].0))).expect("removed");
    let found = logs.plan();
    assert_eq!((found.unread.len(), found.lost, found.gone.len()), (0, true, 1), "nobody has read it");
}
