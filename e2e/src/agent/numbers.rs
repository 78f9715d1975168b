//! Numbers of records, as few words: hundreds of them have to fit the address of an exec.

use std::ops::RangeInclusive;

use anyhow::{Context, Result};

/// `3,7-9,12`; runs of them in their order.
pub fn told(numbers: &[u64]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let runs =
        sorted.chunk_by(|one, next| one + 1 == *next).filter_map(|run| Some((run.first()?, run.last()?)));
    let runs =
        runs.map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    runs.collect::<Vec<_>>().join(",")
}

/// One run of [`told`].
pub fn run(text: &str) -> Result<RangeInclusive<u64>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse().with_context(|| format!("{text} is no number"));
    Ok(number(first)?..=number(last)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_they_were() {
        for (numbers, text) in
            [(vec![], ""), (vec![4], "4"), (vec![12, 8, 7, 3, 9, 8], "3,7-9,12"), (vec![0, 1], "0-1")]
        {
            assert_eq!(told(&numbers), text);
            let read: Vec<u64> =
                text.split(',').filter(|run| !run.is_empty()).flat_map(|text| run(text).unwrap()).collect();
            let mut sorted = numbers;
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(read, sorted);
        }
        assert!(run("3-x").is_err());
    }
}
