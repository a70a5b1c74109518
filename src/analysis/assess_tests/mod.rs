//! The judgement, entered by its door: histories in, findings out.

mod anew;
mod campaigns;
mod explaining;
mod forecast;
mod habit;
mod ids;
mod lifting;
mod linking;
mod observed;
mod oracle;
mod outputs;
mod proof;
mod status;
mod who;
mod world;
