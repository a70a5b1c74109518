pub mod options;
pub mod schedule;
pub use options::Options;
