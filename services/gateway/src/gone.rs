//! Clients that go away before their answer is complete: nobody else could tell how often that happens.

/// Waits for an answer on behalf of a client. Dropped before [`Waiting::over`], the client has gone away, and
/// what it had asked for is given up, at the upstream too; `tell` is called.
#[must_use]
pub(crate) struct Waiting<F: Fn()> {
    tell: F,
}

impl<F: Fn()> Waiting<F> {
    pub(crate) fn begin(tell: F) -> Self {
        Self { tell }
    }

    /// There is an answer.
    pub(crate) fn over(self) {
        std::mem::forget(self);
    }
}

impl<F: Fn()> Drop for Waiting<F> {
    fn drop(&mut self) {
        // A defect of ours ends it too, and is no news about the client.
        if !std::thread::panicking() {
            metrics::counter!("gateway_clients_gone_total", "while" => "waiting").increment(1);
            (self.tell)();
        }
    }
}

/// A client has gone away while it was reading.
pub(crate) fn while_reading() {
    metrics::counter!("gateway_clients_gone_total", "while" => "reading").increment(1);
}
