//! `send`: what is due on schedule, now; or the mails as they would go out.

use clap::Args;
use jiff::Timestamp;

use super::{Failure, complain, known, say, write_result};
use crate::{
    clock::Clock,
    daemon::{Engine, Options, Preview},
    report::Audience,
};

#[derive(Args)]
pub struct Arguments {
    /// security, leadership or owner:NAME; when left out, all that is sent on schedule.
    #[arg(long)]
    audience: Option<Audience>,
    /// Print the mails instead of sending them; several as one mbox.
    #[arg(long)]
    dry_run: bool,
}

impl Arguments {
    /// Nobody is reached, so no secret is needed.
    pub fn only_shows(&self) -> bool {
        self.dry_run
    }
}

pub async fn run(arguments: Arguments, options: Options, clock: Clock) -> Result<(), Failure> {
    let audience = arguments.audience.as_ref();
    audience.map_or(Ok(()), |audience| known(audience, &options))?;
    let engine = Engine::open(options)?;
    if arguments.dry_run {
        // A preview only reads.
        return Ok(show_mails(&engine.preview(audience, clock.now()).await?, clock.now())?);
    }
    let _lock = engine.lock().map_err(anyhow::Error::from)?;
    engine.begin("send", clock.now()).await.map_err(anyhow::Error::from)?;
    let mut undelivered = Vec::new();
    let sent = engine.send_now(audience, clock.now()).await?;
    // Where nothing leaves that was asked for by name, another try finds the same. A package alone is something.
    let no_way = sent.iter().map(|sent| sent.no_way.clone()).collect::<Option<Vec<_>>>().filter(|_| audience.is_some());
    for sent in sent.iter().filter(|_| no_way.is_none()) {
        say(sent)?;
        undelivered.extend(sent.problem());
    }
    if engine.has_webhooks() {
        let told = engine.send_events(Timestamp::MAX, clock.now()).await?;
        say(&told)?;
        undelivered.extend(told.problem());
    }
    if let Some(mut no_way) = no_way {
        no_way.extend(undelivered);
        return Err(Failure::NoWay(no_way.join("; ")));
    }
    if undelivered.is_empty() { Ok(()) } else { Err(Failure::InPart(undelivered.join("; "))) }
}

/// One mail as it is, several as an mbox; who would receive them goes to standard error.
fn show_mails(mails: &[Preview], now: Timestamp) -> anyhow::Result<()> {
    for mail in mails {
        let to = if mail.recipients.is_empty() { "nobody is configured".to_owned() } else { mail.recipients.join(", ") };
        complain(&format_args!("{}: {to}", mail.audience));
        if mails.len() > 1 {
            say(&format_args!("From duskwatch {}", now.strftime("%a %b %e %H:%M:%S %Y")))?;
        }
        write_result(None, &mail.mime)?;
        if mails.len() > 1 {
            say(&"")?;
        }
    }
    Ok(())
}
