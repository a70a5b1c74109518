//! The document from a hand-made judgement, in every form.

mod campaigns;
mod fixture;
mod hostile;
mod notices;
mod snapshots;
mod story;
