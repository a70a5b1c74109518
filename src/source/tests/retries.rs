//! Asking again, in paused time: how often, after how long, and never more than the budget.

use std::{cell::Cell, time::Duration};

use tokio::time::Instant;

use crate::source::{
    FetchError, Outage, Refusal, Unread,
    budget::Budget,
    headers::RateSigns,
    retry::{Gate, persist},
};

const MINUTE: Duration = Duration::from_secs(60);

fn gate(per_minute: u32) -> Gate {
    Gate::new(Budget::new(&[(per_minute, MINUTE)], 1.0, Instant::now().into_std()), 42)
}

fn outage() -> FetchError {
    FetchError::Unavailable { at: "api".into(), cause: Outage::Status(503) }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_tried_again_with_growing_pauses_and_then_given_up() {
    let (gate, times) = (gate(6_000), std::cell::RefCell::new(Vec::new()));
    let outcome = persist(&gate, "api", 4, || async {
        times.borrow_mut().push(Instant::now());
        Err::<(), _>(outage())
    })
    .await;
    assert_eq!(outcome, Err(outage()));
    let times = times.into_inner();
    let pauses: Vec<f64> = times.windows(2).map(|w| (w[1] - w[0]).as_secs_f64()).collect();
    assert_eq!(pauses.len(), 4);
    for (pause, expected) in pauses.iter().zip([0.2, 1.0, 4.0, 15.0]) {
        assert!((0.5 * expected..=1.5 * expected + 0.01).contains(pause), "{pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_page_is_asked_for_again() {
    let attempts = Cell::new(0);
    let outcome = persist(&gate(6_000), "api", 4, || async {
        attempts.set(attempts.get() + 1);
        match attempts.get() {
            1 => Err(FetchError::Unreadable { at: "api".into(), cause: Unread::Html }),
            n => Ok(n),
        }
    })
    .await;
    assert_eq!(outcome, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_must_mend_is_not_tried_again() {
    for error in [
        FetchError::NotFound { at: "api".into() },
        FetchError::ForeignUrl { at: "api".into(), to: "https://elsewhere.test".into() },
        FetchError::EndlessPaging { at: "api".into(), pages: 2 },
    ] {
        let attempts = Cell::new(0);
        let outcome = persist(&gate(6_000), "api", 4, || async {
            attempts.set(attempts.get() + 1);
            Err::<(), _>(error.clone())
        })
        .await;
        assert_eq!((outcome, attempts.get()), (Err(error), 1));
    }
}

/// How often a request is sent that is answered so at first and with success from the given attempt on; and what came of it.
async fn asked(retries: usize, why: Refusal, succeeds: usize) -> (usize, bool) {
    let attempts = Cell::new(0);
    let outcome = persist(&gate(6_000), "api", retries, || async {
        attempts.set(attempts.get() + 1);
        if attempts.get() >= succeeds { Ok(()) } else { Err(FetchError::Unauthorized { at: "api".into(), why }) }
    })
    .await;
    (attempts.get(), outcome.is_ok())
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_refused_without_a_reason_is_tried_once_more_and_no_further() {
    let started = Instant::now();
    for why in [Refusal::Invalid, Refusal::OtherKind] {
        assert_eq!(asked(4, why, 2).await, (2, true));
        assert_eq!(asked(4, why, 3).await, (2, false));
        assert_eq!(asked(0, why, 2).await, (1, false));
    }
    assert!(started.elapsed() >= Duration::from_secs(2), "each waits a little");
    for why in [Refusal::NoScopes, Refusal::WantsEmail, Refusal::AppPassword, Refusal::OtherProduct, Refusal::Account] {
        assert_eq!(asked(4, why, 2).await, (1, false), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_waits_as_told_and_the_budget_is_kept() {
    let gate = gate(10);
    let (started, times) = (Instant::now(), std::cell::RefCell::new(Vec::<Duration>::new()));
    for _ in 0..40 {
        persist(&gate, "api", 4, || async {
            times.borrow_mut().push(started.elapsed());
            // The vendor refuses the third request, and says for how long.
            if times.borrow().len() == 3 {
                let signs = RateSigns { retry_after: Some(Duration::from_secs(90)), ..RateSigns::default() };
                return Err(FetchError::RateLimited { at: "api".into(), wait: gate.learn(&signs, true) });
            }
            gate.learn(&RateSigns::default(), false);
            Ok(())
        })
        .await
        .expect("every request comes through in the end");
    }
    let times = times.into_inner();
    assert_eq!(times.len(), 41);
    assert!(times[3] >= times[2] + Duration::from_secs(90), "{times:?}");
    for (n, from) in times.iter().enumerate() {
        let within = times[n..].iter().take_while(|at| **at < *from + MINUTE).count();
        assert!(within <= 10, "{within} requests in the minute from {from:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_fails_at_once_and_says_how_long() {
    let gate = gate(10);
    gate.learn(&RateSigns { retry_after: Some(Duration::from_secs(1_800)), ..RateSigns::default() }, true);
    let before = Instant::now();
    let outcome = persist(&gate, "api", 4, || async { Ok(()) }).await;
    assert_eq!(outcome, Err(FetchError::RateLimited { at: "api".into(), wait: Duration::from_secs(1_800) }));
    assert_eq!(before.elapsed(), Duration::ZERO);
}
