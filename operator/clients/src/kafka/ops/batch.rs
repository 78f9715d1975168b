//! Splits what is too much for one request.

/// As few slices as keep the sum of each within `limit`; a single item above it goes alone, and Kafka says
/// what it thinks of it.
pub fn by_weight<T>(items: &[T], limit: usize, weight: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (i, item) in items.iter().enumerate() {
        let weight = weight(item);
        if i > start && sum + weight > limit {
            batches.push(&items[start..i]);
            (start, sum) = (i, 0);
        }
        sum += weight;
    }
    if start < items.len() {
        batches.push(&items[start..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_stay_within_the_limit_and_lose_nothing() {
        let cases: [(&[usize], &[&[usize]]); 5] = [
            (&[], &[]),
            (&[1, 2, 3], &[&[1, 2, 3]]),
            (&[6, 4, 1], &[&[6, 4], &[1]]),
            (&[50, 1, 50], &[&[50], &[1], &[50]]),
            (&[0, 0, 10, 0], &[&[0, 0, 10, 0]]),
        ];
        for (items, expected) in cases {
            assert_eq!(by_weight(items, 10, |item| *item), expected);
        }
    }
}
