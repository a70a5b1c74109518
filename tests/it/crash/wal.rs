//! What stands beside the store when the power goes is cut or has other bits than were written: a store that is as it was at some
//! earlier moment, or words. What was lost of it is read again, and a mail that is sent again is the same one.

use std::{collections::BTreeSet, fs};

use fastrand::Rng;
use rusqlite::Connection;

use super::{Disk, SECURITY, assert_sound, crashes, letters, sent_mail, site};
use crate::support::{
    NOW, Site, at, days_before,
    picture::{Picture, assert_same_counts},
    program::{Ran, duskwatch, duskwatch_at},
};

/// Damages that are played where nobody asks for more.
const DAMAGES: usize = 24;
/// A bit of the header says as much as one of a page; so every third damage is there or in the first frames.
const NEAR: usize = 3 * 4_096;

fn well(ran: &Ran) {
    assert_eq!(ran.status, 0, "{ran:#?}");
}

/// Cuts a log of writes off, or turns some of its bits.
fn damaged(rng: &mut Rng, mut bytes: Vec<u8>) -> (String, Vec<u8>) {
    let reach = if rng.usize(..3) == 0 { NEAR.min(bytes.len()) } else { bytes.len() };
    if rng.bool() {
        bytes.truncate(rng.usize(..reach));
        return (format!("cut to {}", bytes.len()), bytes);
    }
    let places: Vec<usize> = (0..rng.usize(1..8)).map(|_| rng.usize(..reach)).collect();
    for place in &places {
        bytes[*place] ^= 1 << rng.u8(..8);
    }
    (format!("other bits at {places:?}"), bytes)
}

/// A store whose last round and mails stand in what lies beside it.
async fn written() -> (Site, crate::support::smtp::MailServer, Disk, Vec<u8>) {
    let (mut site, mail) = site(86, 4).await;
    let earlier = days_before(at(NOW), 1);
    site.grow(earlier);
    well(&duskwatch_at(&site, &earlier.to_string(), &["poll"]));
    // Who has it open keeps the program from taking all of it over when it ends.
    let open = Connection::open(site.store()).unwrap();
    open.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap();
    site.grow(at(NOW));
    well(&duskwatch(&site, &["poll"]));
    well(&duskwatch(&site, &["send", "--audience", "security"]));
    let (disk, wal) = (Disk::of(&site), fs::read(site.path("duskwatch.db-wal")).unwrap());
    drop(open);
    (site, mail, disk, wal)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_of_writes_gives_an_earlier_store_or_words_and_everything_comes_back() {
    let (site, mail, disk, wal) = written().await;
    let sent: BTreeSet<_> = letters(mail.take_in_order()).into_iter().collect();
    assert!(sent.len() == 2 && sent == sent_mail(&site.store()) && wal.len() > 20 * 4_096, "{sent:?} in {}", wal.len());
    let expected = Picture::of(&site.store()).await;
    let (mut sound, mut forgotten, mut repeated) = (0, 0, 0);
    let wanted = crashes(DAMAGES);
    for seed in 0..wanted {
        disk.put_back(&site);
        let (what, bytes) = damaged(&mut Rng::with_seed(seed as u64), wal.clone());
        fs::write(site.path("duskwatch.db-wal"), bytes).unwrap();
        fs::remove_file(site.path("duskwatch.db-shm")).ok();
        let when = format!("damage {seed}, {what}");
        let verified = duskwatch(&site, &["store", "verify"]);
        assert!(!verified.err.contains("panicked") && [0, 1].contains(&verified.status), "{when}: {verified:#?}");
        if verified.status == 1 {
            let words = verified.out + &verified.err;
            assert!(words.contains("damaged") || words.contains("restore a backup"), "{when}: {words}");
            continue;
        }
        sound += 1;
        assert_sound(&site, &when).await;
        let recorded = sent_mail(&site.store());
        well(&duskwatch(&site, &["poll"]));
        well(&duskwatch(&site, &["send", "--audience", "security"]));
        let again: BTreeSet<_> = letters(mail.take_in_order()).into_iter().collect();
        assert!(again.is_subset(&sent), "{when}: {again:?} are others than {sent:?}");
        assert!(again.is_disjoint(&recorded), "{when}: {again:?} were recorded as sent: {recorded:?}");
        assert_eq!(sent_mail(&site.store()), sent, "{when}: everybody of {SECURITY} has it in the end");
        (forgotten, repeated) = (forgotten + usize::from(recorded.len() < sent.len()), repeated + again.len());
        let found = Picture::of(&site.store()).await;
        assert_same_counts(&expected.counts, &found.counts);
        assert_eq!(expected.totals.items, found.totals.items, "{when}");
    }
    eprintln!("{wanted} damages: {sound} left a sound store, {forgotten} forgot a mail, {repeated} mails came again");
    assert!(sound * 4 > wanted && forgotten * 8 > wanted, "{sound} of {wanted}, {forgotten} of which forgot a mail");
}
