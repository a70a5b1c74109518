//! The judgement, entered by its door: histories in, findings out.

mod lifting;
mod linking;
mod oracle;
mod outputs;
mod status;
mod world;
