//! What a person sees while things take time: finished lines above, one updating line below on a terminal; plain
//! lines elsewhere.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const FRAME: Duration = Duration::from_millis(100);
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// Where there is no terminal, a wait is mentioned when it has lasted this long, and again at this interval.
const MENTION: Duration = Duration::from_secs(15);

pub struct Ui {
    terminal: bool,
    /// What each task waits for, in the order in which the tasks began.
    tasks: Mutex<BTreeMap<usize, Activity>>,
}

struct Activity {
    who: String,
    since: Instant,
    waiting: Option<Waiting>,
}

struct Waiting {
    what: String,
    since: Instant,
    saw: String,
    mentioned: Instant,
}

impl Ui {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { terminal: std::io::stdout().is_terminal(), tasks: Mutex::default() })
    }

    /// A finished line.
    pub fn say(&self, line: impl AsRef<str>) {
        let mut out = std::io::stdout().lock();
        let clear = if self.terminal { "\r\x1b[2K" } else { "" };
        let _ = writeln!(out, "{clear}{}", line.as_ref());
        let _ = out.flush();
    }

    /// Something begins that will take time.
    pub fn begin(self: &Arc<Self>, who: impl Into<String>) -> Task {
        let mut tasks = self.tasks();
        let key = tasks.last_key_value().map_or(0, |(last, _)| last + 1);
        tasks.insert(key, Activity { who: who.into(), since: Instant::now(), waiting: None });
        Task { ui: Arc::clone(self), key }
    }

    /// Runs `work` and shows meanwhile what it waits for.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut frames = tokio::time::interval(FRAME);
        let mut work = std::pin::pin!(work);
        let mut frame = 0;
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                _ = frames.tick() => {
                    frame += 1;
                    if self.terminal { self.draw(frame) } else { self.mention() }
                }
            }
        };
        if self.terminal {
            print!("\r\x1b[2K");
            let _ = std::io::stdout().flush();
        }
        done
    }

    fn draw(&self, frame: usize) {
        let busy: Vec<String> = self.tasks().values().map(Activity::text).collect();
        if busy.is_empty() {
            return;
        }
        // ?7l: a long line is cut at the edge instead of wrapping
        print!("\r\x1b[2K\x1b[?7l{} {}\x1b[?7h", SPINNER[frame % SPINNER.len()], busy.join(" · "));
        let _ = std::io::stdout().flush();
    }

    fn mention(&self) {
        let mut lines = Vec::new();
        for Activity { who, waiting, .. } in self.tasks().values_mut() {
            if let Some(w) = waiting
                && w.mentioned.elapsed() >= MENTION
            {
                w.mentioned = Instant::now();
                let saw = if w.saw.is_empty() { String::new() } else { format!("; saw {}", w.saw) };
                lines.push(format!("{who:<5} waits for {} ({} s){saw}", w.what, w.since.elapsed().as_secs()));
            }
        }
        for line in lines {
            self.say(line);
        }
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<usize, Activity>> {
        // what is shown stays right even when a case has panicked
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activity {
    fn text(&self) -> String {
        match &self.waiting {
            Some(w) => format!("{} {} ({} s)", self.who, w.what, w.since.elapsed().as_secs()),
            None => format!("{} ({} s)", self.who, self.since.elapsed().as_secs()),
        }
    }
}

/// Something under way; gone from the screen when dropped.
pub struct Task {
    ui: Arc<Ui>,
    key: usize,
}

impl Task {
    pub fn waits_for(&self, what: &str) {
        self.edit(|a| {
            let now = Instant::now();
            a.waiting = Some(Waiting { what: what.into(), since: now, saw: String::new(), mentioned: now });
        });
    }

    pub fn saw(&self, what: &str) {
        self.edit(|a| {
            if let Some(w) = &mut a.waiting {
                w.saw = what.into();
            }
        });
    }

    pub fn goes_on(&self) {
        self.edit(|a| a.waiting = None);
    }

    /// What is under way now has another name; its time begins anew.
    pub fn rename(&self, who: &str) {
        self.edit(|a| *a = Activity { who: who.into(), since: Instant::now(), waiting: None });
    }

    pub fn elapsed(&self) -> Duration {
        self.ui.tasks().get(&self.key).map(|a| a.since.elapsed()).unwrap_or_default()
    }

    fn edit(&self, change: impl FnOnce(&mut Activity)) {
        if let Some(activity) = self.ui.tasks().get_mut(&self.key) {
            change(activity);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.ui.tasks().remove(&self.key);
    }
}
