//! Sets of brokers as rows of bits: a question about 200 brokers is answered by four words.

/// Words in a row for this many brokers.
pub fn words(brokers: usize) -> usize {
    brokers.div_ceil(64)
}

pub fn set(row: &mut [u64], broker: usize) {
    row[broker / 64] |= 1 << (broker % 64);
}

pub fn clear(row: &mut [u64], broker: usize) {
    row[broker / 64] &= !(1 << (broker % 64));
}

pub fn has(row: &[u64], broker: usize) -> bool {
    row[broker / 64] & (1 << (broker % 64)) != 0
}

pub fn unite(row: &mut [u64], other: &[u64]) {
    row.iter_mut().zip(other).for_each(|(word, other)| *word |= other);
}

pub fn subtract(row: &mut [u64], other: &[u64]) {
    row.iter_mut().zip(other).for_each(|(word, other)| *word &= !other);
}

/// Its members, in order.
pub fn members(row: &[u64]) -> impl Iterator<Item = usize> {
    row.iter().enumerate().flat_map(|(at, word)| {
        let mut word = *word;
        std::iter::from_fn(move || {
            (word != 0).then(|| {
                let low = word.trailing_zeros() as usize;
                word &= word - 1;
                at * 64 + low
            })
        })
    })
}

/// The member at or after `start`, else the first one.
pub fn member_from(row: &[u64], start: usize) -> Option<usize> {
    let at = (start / 64) % row.len().max(1);
    let late = !0 << (start % 64);
    let word = |at: usize, mask: u64| {
        let word = row[at] & mask;
        (word != 0).then(|| at * 64 + word.trailing_zeros() as usize)
    };
    if row.is_empty() {
        return None;
    }
    let around = (1..row.len()).map(|step| (at + step) % row.len());
    word(at, late).or_else(|| around.clone().find_map(|at| word(at, !0))).or_else(|| word(at, !late))
}
