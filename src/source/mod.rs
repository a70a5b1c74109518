//! The remote parties: the organisation's audit log and token inventory, Bitbucket's access lists, growing log files, and
//! engines that keep logs themselves.
//!
//! This room fetches and parses, and says what it measured ([`Usage`], skipped items, unknown values, [`Limit`]s). It
//! hides paging, authentication, request budgets, rate-limit headers, retries, wire formats and file rotation. Every
//! request goes through one [`Client`] per credential: it sends the credential to its own origin only, keeps to the
//! request budget, and knows which failures are worth another try.
//!
//! Absent: the store (cursors come in and go out as values), instruments, the schedule, the clock (reset instants are
//! measured against the server's own `Date`), and any judgement of what was read.

mod access;
mod audit;
mod budget;
mod clickhouse;
mod engines;
mod error;
mod exchange;
mod file;
mod headers;
mod http;
mod logs;
mod messages;
mod paging;
mod postgresql;
mod refusal;
mod retry;
mod text;
mod tokens;

#[cfg(test)]
pub(crate) mod tests;

pub use access::{Access, Answer, Glance, Limit, LimitReason, Listing};
pub use audit::{Actions, Audit, AuditPage, Position, Slice, Step, Then, Walk, lost, next_slice};
pub use engines::{Asking, LogEngine, Rows, Session};
pub use error::{FetchError, Outage, Refusal, Unread};
pub use exchange::{ExchangeFile, Verified};
pub use file::open_file;
pub use http::{Auth, Client, ClientOptions, Usage};
pub use logs::{
    Block, Blocks, FilePlan, FileReader, GONE, Layout, NO_FILE, NO_REGULAR_FILE, Plan, UNREADABLE, changed_ms, content,
    content_blocks, plan, shown,
};
pub use postgresql::Options as PostgreSqlOptions;
pub use tokens::{TokenList, Tokens};
