//! The way out: mail, files and metrics to the people and machines that want them.
//!
//! | door | hides |
//! |---|---|
//! | [`mail`] | MIME, header safety, SMTP and TLS, which failure is worth another try |
//! | [`files`] | atomic replacement, the `latest` link, pruning of old packages |
//! | [`otel`] | the OpenTelemetry protocol, retries, and the SDK behind logs and traces |
//! | [`webhook`] | signatures, HTTP and TLS, what an address may show |
//!
//! Every door takes plain values that somebody else rendered and returns what became of them. Absent: what is said
//! (`report`), when it is said and how often it is tried again (`daemon`), what was already said (`store`).

pub mod files;
pub mod mail;
pub mod otel;
pub mod webhook;

pub use mail::SendError;
