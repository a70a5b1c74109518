//! The judgement, entered by its door: histories in, findings out.

mod explaining;
mod ids;
mod lifting;
mod linking;
mod oracle;
mod outputs;
mod status;
mod who;
mod world;
