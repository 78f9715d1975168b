//! A server's process (mostly a JVM) that dies with the test run.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};

/// Started and not yet waited for. Killed on drop.
pub struct Jvm {
    child: Child,
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts all processes from one thread that never ends. `PR_SET_PDEATHSIG` fires when the *thread* that
/// forked the child is gone, and the thread of a test ends with the test.
static SPAWNER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
    let (orders, inbox) = mpsc::channel::<Order>();
    std::thread::spawn(move || {
        for (mut command, reply) in inbox {
            let _ = reply.send(command.spawn());
        }
    });
    orders
});

impl Jvm {
    /// `java -cp 'LIBS/*' ARGS…`, its input from a file or nothing, its output in the file `log`.
    pub fn start(libs: &Path, heap: &str, args: &[&str], input: Option<&Path>, log: &Path) -> Self {
        // setpriv (util-linux): also when the test run is killed, the kernel kills its brokers
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "java", heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        command.arg("-cp").arg(libs.join("*")).args(args);
        Self::spawn(command, input, log)
    }

    /// The same for any command; it should begin with `setpriv --pdeathsig KILL`.
    pub fn spawn(mut command: Command, input: Option<&Path>, log: &Path) -> Self {
        let output = File::create(log).expect("log file");
        let input = input.map_or_else(Stdio::null, |path| File::open(path).expect("input").into());
        command.stdin(input).stdout(output.try_clone().expect("log file")).stderr(output);
        let (reply, answer) = mpsc::channel();
        SPAWNER.send((command, reply)).expect("the spawner lives");
        let child = answer
            .recv()
            .expect("the spawner answers")
            .expect("setpriv (Debian package util-linux) is needed");
        Self { child }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its exit code, if it has ended.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("wait")
    }

    /// Ends when the process does, and says whether it succeeded.
    pub fn wait(mut self) -> bool {
        self.child.wait().expect("wait").success()
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGSTOP and SIGCONT: there, connected, and silent.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().expect("kill");
        assert!(sent.success(), "kill -s {name} {}", self.pid());
    }
}

impl Drop for Jvm {
    fn drop(&mut self) {
        self.kill();
    }
}
