//! The room is entered by its door: a client against a real listener, files in a real directory.

mod audit;
mod exchange;
mod figures;
mod http;
mod lists;
mod logs;
mod older;
mod retries;
pub(crate) mod server;
mod trust;
