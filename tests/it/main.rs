//! The one integration binary. `house` holds the rules that the code itself must keep; the others enter as users do, over
//! HTTP, files and the program itself, and compare with the truth of a simulated world.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod attribution;
mod backfill;
mod backup;
mod campaigns;
mod changes;
mod check;
mod commands;
mod crash;
mod crowd;
mod exchange;
mod explain;
mod faults;
mod figures;
mod flow;
mod forget;
mod honesty;
mod house;
mod init;
mod intake;
mod journal;
mod judged;
mod mail;
mod mixtures;
mod pages;
mod privacy;
mod query;
mod reclassify;
mod reload;
mod retention;
mod secrets;
mod simulation;
mod status;
mod storage;
mod support;
mod transcripts;
mod trust;
mod unlinked;
