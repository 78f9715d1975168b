//! A Java stack trace, cut to what a person reads first.

/// The most characters of each of the two lines: of its beginning, and of its end. Debezium begins with what it holds in memory, and
/// says what is wrong after that.
const BEGINNING: usize = 300;
const END: usize = 300;

/// The first line and, where the trace has causes, the last cause's first line on a line of its own, as Java writes it:
/// `Caused by: …`. The tens of kilobytes between them are in the worker's log.
pub(super) fn shorten(trace: &str) -> String {
    let mut lines = trace.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let root = lines.rfind(|line| line.starts_with("Caused by: "));
    match root {
        Some(root) => format!("{}\n{}", cut(first), cut(root)),
        None => cut(first),
    }
}

fn cut(line: &str) -> String {
    let length = line.chars().count();
    if length <= BEGINNING + END {
        return line.to_owned();
    }
    let beginning: String = line.chars().take(BEGINNING).collect();
    let end: String = line.chars().skip(length - END).collect();
    format!("{beginning} … {end}")
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn the_first_line_and_the_root_cause_stay() {
        let trace = "org.ConnectException: Tolerance exceeded\n\tat a.b(C.java:1)\n\
                     Caused by: org.DataException: outer\n\tat d\n\
                     Caused by: java.net.ConnectException: refused\n\t... 12 more\n";
        assert_eq!(
            shorten(trace),
            "org.ConnectException: Tolerance exceeded\nCaused by: java.net.ConnectException: refused"
        );
        assert_eq!(shorten("\n  one line only  \n\tat x"), "one line only");
        assert_eq!(shorten(""), "");
    }

    #[test]
    fn a_line_without_end_is_cut_between_characters_in_its_middle() {
        let short = shorten(&format!("{}no longer available", "ü".repeat(10_000)));
        assert_eq!(short.chars().count(), 603);
        assert!(short.starts_with("üü") && short.ends_with("no longer available"), "{short}");
    }
}
