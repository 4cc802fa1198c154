//! One answer on its way to a client on HTTP/2: how much of it waits to be taken, and for how long.

use tokio::task::JoinHandle;

/// A client takes [`LEAST_BYTES`] of what there is for it in so many looks, or is given up: as soon as
/// `TCP_USER_TIMEOUT` does it. nginx waits 60 s for the first byte of them (`send_timeout`), Envoy 300 s
/// (`stream_idle_timeout`).
pub(super) const PATIENCE: u32 = 30;
/// A share of the slowest line is more: it makes a byte at a time useless, and punishes nobody.
pub(super) const LEAST_BYTES: usize = 1024;

/// An answer. Nothing is waiting in it as long as it is its upstream that keeps everybody waiting.
#[derive(Debug)]
pub(super) struct Flow {
    /// Bytes that were handed over and are not written yet.
    waiting: usize,
    /// Bytes that were written since looks are counted.
    taken: usize,
    /// Looks that found something waiting.
    looks: u32,
    /// Whether there is more to come.
    open: bool,
    /// What makes the answer. None once its end was handed over.
    task: Option<JoinHandle<()>>,
}

/// What a look finds.
#[derive(Debug)]
pub(super) enum Found {
    Fine,
    /// Nobody takes it.
    Stalled(Option<JoinHandle<()>>),
    /// Nor did anybody after what was done about it.
    Hopeless,
}

impl Flow {
    pub(super) fn new() -> Self {
        Self { waiting: 0, taken: 0, looks: 0, open: true, task: None }
    }

    pub(super) fn runs(&mut self, task: JoinHandle<()>) {
        self.task = Some(task);
    }

    /// A piece was handed over.
    pub(super) fn offer(&mut self, bytes: usize) {
        self.waiting += bytes;
    }

    /// Some of a piece was written.
    pub(super) fn take(&mut self, bytes: usize) {
        self.waiting -= bytes;
        self.taken += bytes;
    }

    /// The rest of a piece never will be.
    pub(super) fn drop_piece(&mut self, bytes: usize) {
        self.waiting -= bytes;
    }

    /// There is no more to come.
    pub(super) fn close(&mut self) {
        self.open = false;
        self.task = None;
    }

    /// Whether nothing of it is left.
    pub(super) fn is_over(&self) -> bool {
        self.waiting == 0 && !self.open
    }

    /// The look.
    pub(super) fn look(&mut self) -> Found {
        if self.waiting == 0 || self.taken >= LEAST_BYTES {
            (self.looks, self.taken) = (0, 0);
            return Found::Fine;
        }
        self.looks += 1;
        match self.looks {
            looks if looks == PATIENCE + 1 => Found::Stalled(self.task.take()),
            looks if looks > 2 * PATIENCE => Found::Hopeless,
            _ => Found::Fine,
        }
    }
}
