//! The judgement, entered by its door: histories in, findings out.

mod linking;
mod oracle;
mod outputs;
mod status;
mod world;
