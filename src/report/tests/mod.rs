//! The document from a hand-made judgement, in every form.

mod alarms;
mod calendar;
mod campaigns;
mod coverage;
mod figures;
mod fixture;
mod hostile;
mod notices;
mod pages;
mod privacy;
mod snapshots;
mod story;
