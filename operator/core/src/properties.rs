//! Java's `.properties` files.

use std::collections::BTreeMap;
use std::fmt::Write;

/// One line per entry, in the map's order.
pub fn render(entries: &BTreeMap<String, String>) -> String {
    entries.iter().fold(String::new(), |mut text, (key, value)| {
        let _ = writeln!(text, "{}={}", escape(key, true), escape(value, false)); // a String takes everything
        text
    })
}

/// As `Properties.load` reads it. A value can hold a line break, and must not become another key.
pub fn escape(text: &str, key: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, c) in text.chars().enumerate() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' ' if i == 0 || key => out.push_str("\\ "),
            ':' | '=' if key => {
                out.push('\\');
                out.push(c);
            }
            '#' | '!' if key && i == 0 => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_ascii() && !c.is_ascii_control() => out.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_smuggle_in_another_key() {
        assert_eq!(escape("a\ngroup.id=7", false), r"a\ngroup.id=7");
        assert_eq!(escape(" leading", false), r"\ leading");
        assert_eq!(escape(r"c:\temp", false), r"c:\\temp");
        assert_eq!(escape("grün", false), r"gr\u00fcn");
        assert_eq!(escape("😀", false), r"\ud83d\ude00");
        assert_eq!(escape("a b=c", true), r"a\ b\=c");
    }

    #[test]
    fn every_entry_has_a_line() {
        let entries = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x=y".to_owned())].into();
        assert_eq!(render(&entries), "a=1\nb=x=y\n");
    }
}
