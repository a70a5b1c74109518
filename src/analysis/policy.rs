//! What the organisation told us: thresholds, owners, accepted exceptions, closures.

use jiff::civil::Date;

use crate::evidence::{Day, Grade};

/// The judgement's options, as configured.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Days without legacy use before an integration can count as gone, at least.
    pub quiet_after_days: f64,
    /// How long an owner needs when the owner says nothing else.
    pub lead_time_days: i32,
    /// Evidence below this grade is no legacy evidence.
    pub minimum_grade: Grade,
    pub expiry_horizon_days: i32,
    /// First match wins.
    pub owners: Vec<Owner>,
    pub waivers: Vec<Waiver>,
    pub closures: Vec<Closure>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            quiet_after_days: 7.0,
            lead_time_days: 14,
            minimum_grade: Grade::Weak,
            expiry_horizon_days: 60,
            owners: Vec::new(),
            waivers: Vec::new(),
            closures: Vec::new(),
        }
    }
}

/// A team, and which integrations are its own: every pattern given must match. Patterns may hold `*`.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    pub name: String,
    pub email: Option<String>,
    pub lead_time_days: Option<i32>,
    pub workspace: Option<String>,
    pub repository: Option<String>,
    pub client: Option<String>,
    pub user: Option<String>,
    pub origin: Option<String>,
}

/// An accepted outage or exception: still counted, marked, moves no date.
#[derive(Clone, Debug)]
pub struct Waiver {
    pub integration: String,
    /// Inclusive.
    pub until: Date,
    pub requester: String,
    pub approver: String,
    pub ticket: String,
    pub reason: String,
}

impl Waiver {
    pub fn holds_on(&self, day: Day) -> bool {
        day <= Day::from_date(self.until)
    }
}

/// An owner's word that an integration is gone for good.
#[derive(Clone, Debug)]
pub struct Closure {
    pub integration: String,
    pub date: Date,
    pub by: String,
    pub ticket: String,
}
