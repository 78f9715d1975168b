//! A process that dies with the test run.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, mpsc};

/// Killed on drop.
pub struct Process {
    child: Mutex<Child>,
    log: PathBuf,
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts all processes from one thread that never ends. `PR_SET_PDEATHSIG` fires when the *thread* that forked the child is
/// gone, and the thread of a test ends with the test.
static SPAWNER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
    let (orders, inbox) = mpsc::channel::<Order>();
    std::thread::spawn(move || {
        for (mut command, reply) in inbox {
            let _ = reply.send(command.spawn());
        }
    });
    orders
});

impl Process {
    pub fn start(binary: &Path, args: &[String], log: &Path) -> Self {
        // setpriv (util-linux): also when the test run is killed, the kernel kills its servers
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(binary).args(args);
        let output = File::create(log).expect("log file");
        command.stdin(Stdio::null()).stdout(output.try_clone().expect("log file")).stderr(output);
        let (reply, answer) = mpsc::channel();
        SPAWNER.send((command, reply)).expect("the spawner lives");
        let child = answer
            .recv()
            .expect("the spawner answers")
            .expect("setpriv (Debian package util-linux) is needed");
        Self { child: Mutex::new(child), log: log.to_owned() }
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().expect("no panic while waiting").try_wait().expect("wait")
    }

    /// The last lines that it wrote.
    pub fn last_words(&self) -> String {
        let all = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = all.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child.lock().expect("no panic while waiting");
        let _ = child.kill();
        let _ = child.wait();
    }
}
