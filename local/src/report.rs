//! What a person sees while things start: a spinner on a terminal, one plain line a step elsewhere.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Says on standard error what is being done; standard output stays for results.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    terminal: bool,
    quiet: bool,
}

impl Report {
    /// Spinners when standard error is a terminal, else lines.
    #[must_use]
    pub fn new() -> Self {
        Self { terminal: stderr().is_terminal(), quiet: false }
    }

    /// Says nothing: for tests.
    #[must_use]
    pub fn quiet() -> Self {
        Self { terminal: false, quiet: true }
    }

    /// Does `work`, called `name`, and says how it went. `detail` turns the result into a few words.
    ///
    /// # Errors
    /// What `work` returned.
    pub async fn step<T, E>(
        &self,
        name: &str,
        work: impl Future<Output = Result<T, E>>,
        detail: impl FnOnce(&T) -> String,
    ) -> Result<T, E> {
        let started = Instant::now();
        let spinner = self.spinner(name);
        let result = work.await;
        spinner.finish_and_clear();
        match &result {
            Ok(value) => self.done(name, &detail(value), started.elapsed()),
            Err(_) => self.line(&format!("✗ {name}")),
        }
        result
    }

    /// One line for a person.
    pub fn line(&self, text: &str) {
        if !self.quiet {
            // Nobody to tell when standard error is closed.
            let _ = writeln!(stderr(), "{text}");
        }
    }

    /// A bar of `total` steps; hidden where there is no terminal.
    #[must_use]
    pub fn bar(&self, total: u64) -> ProgressBar {
        if !self.terminal {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("  {bar:30} {pos}/{len} {msg}");
        ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }

    fn spinner(&self, name: &str) -> ProgressBar {
        if !self.terminal {
            return ProgressBar::hidden();
        }
        let spinner = ProgressBar::new_spinner().with_message(name.to_owned());
        spinner.enable_steady_tick(Duration::from_millis(80));
        spinner
    }

    fn done(&self, name: &str, detail: &str, took: Duration) {
        self.line(&format!("✓ {name:<16} {detail}  ({:.1} s)", took.as_secs_f64()));
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}
