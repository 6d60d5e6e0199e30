//! Who gets a hand.

use super::{Hands, Next};

#[tokio::test]
async fn neither_new_nor_kept_connections_wait_for_all_of_the_others() {
    let mut hands = Hands::default();
    // One hand becomes free at a time, look by look.
    let turns: Vec<_> = (0..4).map(|_| hands.next(1, true, true)).collect();
    let (new, kept) = (Some(Next::New), Some(Next::Kept(1)));
    assert_eq!(turns, [kept, new, kept, new]);
    // Whoever is alone has all.
    assert_eq!(hands.next(3, false, true), Some(Next::Kept(3)));
    assert_eq!(hands.next(3, true, false), new);
    assert_eq!(hands.next(3, true, true), kept);
    assert_eq!(hands.next(3, false, false), None);
    assert_eq!(hands.next(0, true, true), None);
}
