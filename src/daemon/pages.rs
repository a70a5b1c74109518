//! What readers of the page ask for: one row with its evidence, one team, the ranking in another order.
//!
//! Everything is answered from one judgement, the one that the page shows; only evidence is read from the store. While the
//! store cannot be read the rest is shown all the same.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::explain::{Basis, Kept};
use crate::{
    analysis::explain::{Subject, Unknown},
    report::{Report, explain, html, ranking::Query},
    serve::{Answer, Asked, Pages},
    store::Store,
};

/// Pieces of evidence on one page: what somebody reads at a sitting.
const PIECES: usize = 200;

struct Shown {
    report: Arc<Report>,
    basis: Arc<Basis>,
    store: Store,
}

/// The pages of one judgement.
pub(super) fn of(report: Arc<Report>, basis: Arc<Basis>, store: Store) -> Pages {
    let shown = Arc::new(Shown { report, basis, store });
    Pages::new(move |asked| Box::pin(Arc::clone(&shown).answer(asked)))
}

impl Shown {
    async fn answer(self: Arc<Self>, asked: Asked) -> anyhow::Result<Answer> {
        match asked {
            Asked::Integration(id) => self.row(Basis::integration, id).await,
            Asked::User(id) => self.row(Basis::user, id).await,
            Asked::Ranking(pairs) => self.rendered(move |report| ranking(report, &pairs)).await,
            Asked::Team(name) => self.rendered(move |report| team(report, &name)).await,
            Asked::Coverage => self.rendered(|report| Answer::Html(html::coverage(report))).await,
            Asked::Forecasts => self.rendered(|report| Answer::Html(html::forecasts(report))).await,
        }
    }

    async fn rendered(self: Arc<Self>, render: impl FnOnce(&Report) -> Answer + Send + 'static) -> anyhow::Result<Answer> {
        Ok(spawn_blocking(move || render(&self.report)).await?)
    }

    /// One row, under the name by which it is shown.
    async fn row(self: Arc<Self>, find: fn(&Basis, &str) -> Result<Subject, Unknown>, asked: String) -> anyhow::Result<Answer> {
        let subject = match find(&self.basis, &asked) {
            Ok(subject) => subject,
            Err(unknown) => return Ok(self.unknown(&asked, &unknown)),
        };
        let read = self.basis.kept(&self.store, &subject, PIECES).await;
        let is_read = read.is_ok();
        let kept = read.unwrap_or_else(|error| {
            tracing::warn!(%error, "the evidence behind a row cannot be read; the row is shown without it");
            Kept::default()
        });
        let render = move || {
            let explained = self.basis.explained(&subject, &kept);
            match explained.id() {
                id if id == asked => Answer::Html(html::row(&self.report, &explained, is_read)),
                _ => Answer::Moved(html::address(&explained)),
            }
        };
        Ok(spawn_blocking(render).await?)
    }

    fn unknown(&self, asked: &str, unknown: &Unknown) -> Answer {
        let why = format!("{}.", explain::unknown(asked, unknown, None));
        Answer::Unknown(html::message(&self.report, "Nothing is known under this name", &why))
    }
}

fn ranking(report: &Report, pairs: &[(String, String)]) -> Answer {
    match Query::parse(pairs) {
        Ok(query) => Answer::Html(html::served_page(report, &query)),
        Err(why) => Answer::Refused(html::message(report, "This cannot be asked for", &why)),
    }
}

fn team(report: &Report, name: &str) -> Answer {
    let unknown = || html::message(report, "No such team", "Nothing that is known has an owner of this name.");
    html::team(report, name).map_or_else(|| Answer::Unknown(unknown()), Answer::Html)
}
