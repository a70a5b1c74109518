//! The fit against what it claims to be: a maximum, with the curvature there.

#![expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "small whole numbers, and what is made in the same way")]

use super::*;
use crate::evidence::{Campaign, Day};

/// Departures and exposures of some weeks before the removal, as uneven as real ones.
fn observed() -> (Days, Table) {
    let builtin = Campaign::builtin("builtin:bitbucket-app-passwords").expect("compiled in");
    let campaign = Campaign::parse(builtin).expect("a valid campaign");
    let removal = Day::of(campaign.removal);
    let days = Days::new(&Timeline::new(&campaign, removal.plus(-120), removal.plus(20)));
    let mut rng = fastrand::Rng::with_seed(7);
    let departures = days.rows.iter().map(|_| [f64::from(rng.u8(0..3)), f64::from(rng.u8(0..2))]).collect();
    let exposures = days.rows.iter().map(|_| [40.0 + 10.0 * rng.f64(), 5.0 + 5.0 * rng.f64()]).collect();
    (days, Table { departures, exposures })
}

/// The logarithm of the penalised likelihood, but for a constant: Poisson counts, and normal priors.
fn likelihood(days: &Days, table: &Table, at: &Parameters) -> f64 {
    let prior = PRIOR.iter().zip(at).map(|((mean, deviation), value)| -((value - mean) / deviation).powi(2) / 2.0);
    let mut sum: f64 = prior.sum();
    for ((rows, departures), exposures) in days.rows.iter().zip(&table.departures).zip(&table.exposures) {
        for ((row, departed), exposed) in rows.iter().zip(departures).zip(exposures) {
            let expected = hazard(at, row) * exposed;
            sum += departed * expected.ln() - expected;
        }
    }
    sum
}

#[test]
fn the_fit_is_a_maximum_of_the_penalised_likelihood() {
    let (days, table) = observed();
    let (best, _) = maximise(&days, &table, PRIOR.map(|(mean, _)| mean));
    let there = likelihood(&days, &table, &best);
    for parameter in 0..PARAMETERS {
        for step in [-0.02, 0.02] {
            let mut aside = best;
            aside[parameter] += step;
            let less = there - likelihood(&days, &table, &aside);
            assert!(less > 0.0, "parameter {parameter} by {step}: {less}");
        }
    }
}

#[test]
fn its_spread_is_the_inverse_of_the_curvature_there() {
    let (days, table) = observed();
    let (best, spread) = maximise(&days, &table, PRIOR.map(|(mean, _)| mean));
    // The curvature by central differences.
    let h = 1e-3;
    let at = |moves: &[(usize, f64)]| {
        let mut moved = best;
        for (parameter, by) in moves {
            moved[*parameter] += by;
        }
        likelihood(&days, &table, &moved)
    };
    let curvature = |i: usize, j: usize| {
        let corner = |a: f64, b: f64| at(&[(i, a * h), (j, b * h)]);
        -(corner(1.0, 1.0) - corner(1.0, -1.0) - corner(-1.0, 1.0) + corner(-1.0, -1.0)) / (4.0 * h * h)
    };
    // Curvature × covariance = 1, with the covariance spread × spreadᵀ.
    for i in 0..PARAMETERS {
        for j in 0..PARAMETERS {
            let covariance = |k: usize| (0..PARAMETERS).map(|c| spread[k][c] * spread[j][c]).sum::<f64>();
            let product: f64 = (0..PARAMETERS).map(|k| curvature(i, k) * covariance(k)).sum();
            let expected = if i == j { 1.0 } else { 0.0 };
            assert!((product - expected).abs() < 0.02, "({i}, {j}): {product}");
        }
    }
}

#[test]
fn a_system_is_solved() {
    let matrix: [Parameters; PARAMETERS] = std::array::from_fn(|i| {
        // Diagonally dominant and symmetric, so positive definite.
        std::array::from_fn(|j| if i == j { 20.0 + i as f64 } else { 1.0 / (1.0 + (i + j) as f64) })
    });
    let wanted: Parameters = std::array::from_fn(|i| i as f64 - 2.5);
    let right: Parameters = std::array::from_fn(|i| (0..PARAMETERS).map(|j| matrix[i][j] * wanted[j]).sum());
    let found = solve(&cholesky(&matrix), &right);
    assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
}

#[test]
fn a_day_is_told_by_how_far_the_end_is_and_by_what_happens_on_it() {
    let builtin = Campaign::builtin("builtin:bitbucket-app-passwords").expect("compiled in");
    let campaign = Campaign::parse(builtin).expect("a valid campaign");
    let removal = Day::of(campaign.removal).0;
    let timeline = Timeline::new(&campaign, Day(removal - 200), Day(removal - 10));
    let row = |before: i32, half: bool| covariates(&timeline, removal - before, half);
    assert_eq!(row(112, false), [1.0, (56.0_f64 / 112.0).ln(), 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(row(56, true), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    // The last four weeks are those before today, and pressure grows until two weeks before the end.
    assert_eq!([38, 37, 10].map(|before| row(before, false)[5]), [0.0, 1.0, 1.0]);
    assert_eq!([14, 13, 0, -5].map(|before| row(before, false)[1]), [(56.0_f64 / 14.0).ln(); 4]);
    assert_eq!([1, 0, -1].map(|before| row(before, false)[4]), [0.0, 1.0, 1.0]);
    assert!(row(49, false)[2] == 1.0 && row(60, false)[2] == 0.0, "the first brownout begins the season");
    assert!(row(49, false)[3] > 0.0 && row(49, false)[3] < 1.0 && row(-1, false)[3] == 1.0, "{:?}", row(49, false));
}
