//! The newest block of a log, read and thrown away: whether its lines are what the configuration says.

use super::{
    Arc, BTreeMap, FileReader, Layout, Log, Odd, Piece, Skipped, Timestamp, counted, io, none_found, parse_block, plan, shown,
    spawn_blocking, unreadable, words,
};

/// What is right or wrong with a log's newest lines, in words.
///
/// # Errors
/// No file is there.
pub async fn glance(log: Arc<Log>, now: Timestamp) -> io::Result<Result<String, String>> {
    spawn_blocking(move || look(&log, now)).await.map_err(io::Error::other)?
}

fn look(log: &Log, now: Timestamp) -> io::Result<Result<String, String>> {
    let plan = plan(&log.paths, Layout::of(log.form.format), &BTreeMap::new(), now).map_err(io::Error::other)?;
    if plan.found == 0 {
        return Err(none_found(log, &plan));
    }
    if !plan.unread.is_empty() {
        return Ok(Err(plan.unread.iter().map(words).collect::<Vec<_>>().join("; ")));
    }
    let files = counted(plan.found as u64, "file", "files");
    let Some(newest) = plan.files.into_iter().next_back() else { return Ok(Ok(format!("{files}, nothing in them yet"))) };
    let path = newest.path.clone();
    let mut reader = FileReader::open(newest)?;
    let (header, changed_ms) = (reader.header().to_vec(), reader.changed_ms());
    let Some(block) = reader.next_block()? else { return Ok(Ok(format!("{files}, nothing in them yet"))) };
    let piece = Piece { bytes: block.bytes, header: &header, path: &path.to_string_lossy(), changed_ms };
    let page = parse_block(piece, &log.form, now.as_millisecond());
    let (items, skipped): (u64, Vec<Skipped>) = (page.sightings.len() as u64, page.skipped);
    let mut odd = Odd::new(None, 0, false);
    odd.add(items, &skipped);
    let unread = unreadable(&skipped).map(words).chain(odd.words(log)).collect::<Vec<_>>();
    if !unread.is_empty() {
        return Ok(Err(unread.join("; ")));
    }
    let passed_over = skipped.iter().map(|skipped| skipped.count).sum::<u64>();
    let (items, passed_over) = (counted(items, "item", "items"), counted(passed_over, "line", "lines"));
    Ok(Ok(format!("{files}; {items} in the newest lines of {}, {passed_over} passed over", shown(&path))))
}
