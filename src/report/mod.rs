//! The document. PURE: no I/O, no clock, no environment, no randomness.
//!
//! [`build()`] makes one [`Report`] from the judgement and from what the service knows of itself; one renderer a format
//! puts it into a form. Every finding that leaves the process is a field of it. Names that strangers chose become inert
//! when the report is built, and each renderer escapes for its own format on top.
//!
//! Hidden: markup, escaping, number and date formats, the font of the charts. Absent: judgement (`analysis`), sending
//! (`deliver`), HTTP (`serve`).

pub mod alarm;
pub mod audience;
pub mod build;
pub mod calendar;
pub mod chart;
mod coverage;
pub mod csv;
pub mod document;
pub mod event;
mod expiries;
pub mod explain;
pub mod figures;
mod forecast;
pub mod html;
pub mod inputs;
pub mod json;
pub mod letter;
mod movement;
pub mod notice;
pub mod privacy;
pub mod prometheus;
pub mod ranking;
mod rhythms;
mod rows;
pub mod schema;
mod size;
pub mod status;
pub mod steps;
#[cfg(test)]
mod tests;
pub mod text;
mod view;
mod words;

pub use alarm::{Alarm, AlarmKind, AlarmNews};
pub use audience::Audience;
pub use build::build;
pub use document::Report;
pub use figures::{Figure, FigureKind};
pub use inputs::{
    AuthenticationTotal, BlindSpot, DeliveryTotal, FailingPart, Inputs, Late, Organization, OwnCredential, Previous, Service,
    SkippedLine, SourceLine, ToldEvent, Undelivered,
};
pub use letter::{Attachment, InlineImage, Letter};
pub use notice::Notice;
pub use privacy::People;
pub use size::size;

pub use crate::evidence::inert;
