//! The trace of a round goes on in the judgement that followed it, and in what was delivered after that. Where traces are off, all
//! of this is nothing.

use opentelemetry::{Context, trace::TraceContextExt as _};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Rounds that one judgement follows; a trace of more would be no picture.
const MAX_CAUSES: usize = 64;

/// A place in a trace at which something else goes on.
#[derive(Clone, Debug, Default)]
pub struct Thread(Context);

impl Thread {
    /// Where this task is now.
    pub fn here() -> Self {
        Self(Span::current().context())
    }
}

/// What waits to be followed.
#[derive(Debug, Default)]
pub struct Causes(Vec<Thread>);

impl Causes {
    pub fn add(&mut self, thread: Thread) {
        if self.0.len() < MAX_CAUSES {
            self.0.push(thread);
        }
    }

    /// Lets a span that has not begun go on where the first of them is, and tell of the others.
    pub fn lead_to(&mut self, span: &Span) {
        let mut causes = std::mem::take(&mut self.0).into_iter();
        if let Some(Thread(first)) = causes.next() {
            follow(span, first);
        }
        for Thread(other) in causes {
            span.add_link(other.span().span_context().clone());
        }
    }
}

/// Lets a span that has not begun go on where a thread is.
pub fn go_on(span: &Span, Thread(thread): Thread) {
    follow(span, thread);
}

fn follow(span: &Span, context: Context) {
    if let Err(error) = span.set_parent(context) {
        tracing::trace!(%error, "a trace begins anew");
    }
}
