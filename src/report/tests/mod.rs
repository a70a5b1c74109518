//! The document from a hand-made judgement, in every form.

mod fixture;
mod hostile;
mod snapshots;
mod story;
