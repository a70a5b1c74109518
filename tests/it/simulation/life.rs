//! What one process asks of the servers, by the paused clock: never more than its share of any window.
//!
//! A budget is a bucket that holds an eighth of the share and fills up with the rest in the course of a window. So between two
//! requests that were let go less than a window apart at most the whole share was. A client has one request under way, and so
//! it is with what comes to the server, but that the first of a window may have been let go earlier: that one lies before the
//! others' window, which leaves room for the last.

use std::{collections::VecDeque, time::Duration};

use duskwatch::simulator::{Arrivals, ServeOptions};
use tokio::time::Instant;

use crate::{
    mixtures::by_a_clock_that_jumps,
    support::{NOW, Site, at, small_world},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// In percent, as is the default.
const SHARE: u32 = 80;

/// What the servers allow.
#[derive(Clone, Copy, Debug)]
pub struct Budgets {
    pub a_minute: u32,
    pub an_hour: u32,
}

fn ours(limit: u32) -> usize {
    usize::try_from(limit * SHARE / 100).unwrap()
}

impl Budgets {
    /// What we may send in a minute to the organisation's APIs, and in an hour to the workspaces'.
    pub fn ours(self) -> (usize, usize) {
        (ours(self.a_minute), ours(self.an_hour))
    }
}

/// The requests of a process, the newest of them.
#[derive(Default)]
pub struct Life(Arrivals);

impl Life {
    pub fn add(&mut self, more: Arrivals) {
        for (all, more, window) in
            [(&mut self.0.atlassian, more.atlassian, MINUTE), (&mut self.0.bitbucket, more.bitbucket, HOUR)]
        {
            // What was looked at, and lies in no window with what is to come.
            let newest = all.back().copied();
            while all.front().zip(newest).is_some_and(|(first, newest)| newest - *first >= window) {
                all.pop_front();
            }
            all.extend(more);
        }
    }

    /// The most requests of a minute to the organisation's APIs, and of an hour to the workspaces'.
    pub fn fullest(&self) -> (usize, usize) {
        (most(&self.0.atlassian, MINUTE), most(&self.0.bitbucket, HOUR))
    }

    #[track_caller]
    pub fn assert_within(&self, budgets: Budgets) {
        let (found, allowed) = (self.fullest(), budgets.ours());
        assert!(found.0 <= allowed.0 && found.1 <= allowed.1, "{found:?} requests in a window, and {allowed:?} are ours");
    }
}

/// The most that came in any window, which begins with a request.
fn most(sorted: &VecDeque<Instant>, window: Duration) -> usize {
    let mut end = 0;
    (0..sorted.len())
        .map(|begin| {
            while end < sorted.len() && sorted[end] - sorted[begin] < window {
                end += 1;
            }
            end - begin
        })
        .max()
        .unwrap_or(0)
}

/// Rounds of one process without a pause between them: they want far more than an hour's share.
const ROUNDS: usize = 8;

#[test]
fn no_window_holds_more_than_our_share_of_what_the_servers_allow() {
    by_a_clock_that_jumps(async {
        let budgets = Budgets { a_minute: 20, an_hour: 150 };
        let served =
            ServeOptions { requests_per_minute: budgets.a_minute, requests_per_hour: budgets.an_hour, ..ServeOptions::default() };
        let site = Site::grown(&small_world(87, at(NOW), 4), served).await;
        super::limit(&site, budgets);
        let (engine, mut life) = (site.engine(), Life::default());
        let (mut minute, mut hour) = (0, 0);
        for _ in 0..ROUNDS {
            engine.poll(&[], None, at(NOW)).await.unwrap();
            life.add(site.server.take_arrivals());
            life.assert_within(budgets);
            let fullest = life.fullest();
            (minute, hour) = (minute.max(fullest.0), hour.max(fullest.1));
        }
        let ours = budgets.ours();
        assert!(minute * 8 >= ours.0 * 3 && hour * 8 >= ours.1 * 7, "{minute} and {hour} were spent of {ours:?}");
        assert!(site.server.requests().keys().all(|(_, status)| *status != 429));
    });
}
