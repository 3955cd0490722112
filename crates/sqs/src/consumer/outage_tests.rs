use futures::{FutureExt, StreamExt, stream};
use tokio::time::timeout;

use super::*;

const SEVERAL: usize = 5;

fn outage() -> Outage {
    Outage::new(Flag::default(), SEVERAL, Duration::from_secs(30))
}

/// Several messages find their dependency away, for long enough.
async fn declared() -> Outage {
    let outage = outage();
    for id in 0..SEVERAL {
        assert_eq!(outage.away(&id.to_string(), &mut Tries::first()), Blame::Nobody);
    }
    sleep(CERTAIN).await;
    outage
}

async fn elapsed(waiting: impl Future) -> Duration {
    let begun = Instant::now();
    waiting.await;
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_lone_message_is_held_for_as_long_as_nobody_else_gets_through() {
    let (outage, mut tries) = (outage(), Tries::first());
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3600) {
        assert_eq!(outage.away("lone", &mut tries), Blame::Nobody);
        drop(outage.turn(&tries, None).await);
        tries.begin_another();
        assert!(outage.welcome().now_or_never().is_some(), "others may show who is to blame");
    }
    assert!(tries.number() > 700, "it was tried every few seconds: {}", tries.number());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_finds_its_dependency_away_while_others_get_through_has_failed() {
    let (outage, mut tries) = (outage(), Tries::first());
    let mut blamed = Vec::new();
    for _ in 0..3 {
        blamed.push(outage.away("bad", &mut tries));
        sleep(Duration::from_millis(1)).await;
        outage.got_through(&Tries::first());
        drop(outage.turn(&tries, None).await);
        tries.begin_another();
    }
    assert_eq!(blamed, [Blame::Nobody, Blame::Nobody, Blame::Message]);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_began_before_the_trouble_proves_nothing_against_a_message() {
    let (outage, mut tries) = (outage(), Tries::first());
    let slow = Tries::first();
    for _ in 0..10 {
        sleep(Duration::from_millis(1)).await;
        assert_eq!(outage.away("held", &mut tries), Blame::Nobody);
        outage.got_through(&slow);
        tries.begin_another();
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_the_messages_own_until_several_in_a_row_have_failed() {
    let outage = outage();
    for _ in 0..10 {
        assert_eq!(outage.failed("bad", &mut Tries::first()), Blame::Message, "one message, however often");
    }
    for id in 2..SEVERAL {
        assert_eq!(outage.failed(&id.to_string(), &mut Tries::first()), Blame::Message);
    }
    assert_eq!(outage.failed("one more", &mut Tries::first()), Blame::Nobody);
    outage.got_through(&Tries::first());
    assert_eq!(outage.failed("one more", &mut Tries::first()), Blame::Message);
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_nothing_is_received_but_a_single_message_now_and_then() {
    let (outage, slots) = (declared().await, Arc::new(Semaphore::new(100)));
    for _ in 0..3 {
        let (begun, welcome) = (Instant::now(), outage.welcome());
        tokio::select! {
            () = welcome => panic!("received as ever"),
            slot = outage.look(&slots) => slot.forget(),
        }
        assert!(begun.elapsed() >= LOOK - CERTAIN, "{:?}", begun.elapsed());
    }
    assert_eq!(slots.available_permits(), 97);
}

#[tokio::test(start_paused = true)]
async fn messages_in_trouble_that_hold_all_slots_do_not_keep_the_next_one_from_showing_whose_fault_it_is() {
    let (outage, slots) = (outage(), Arc::new(Semaphore::new(1)));
    outage.away("bad", &mut Tries::first());
    let look = async || timeout(2 * LOOK, outage.look(&slots)).await.ok();
    assert!(look().await.is_none(), "there is a free slot, so messages come as ever");
    let held = slots.try_acquire().unwrap();
    let beyond: Vec<_> = stream::iter(0..LOOK_SLOTS).then(|_| look()).map(Option::unwrap).collect().await;
    assert!(look().await.is_none(), "but not for ever more");
    drop((held, beyond));
    outage.got_through(&Tries::first());
    let _all_slots = slots.try_acquire().unwrap();
    assert!(look().await.is_none(), "nobody is in trouble");
}

#[tokio::test(start_paused = true)]
async fn several_refusals_in_a_row_do_not_stop_the_receiving_if_others_get_through() {
    let outage = outage();
    for round in 0..100 {
        for id in 0..2 * SEVERAL {
            outage.away(&format!("{round}-{id}"), &mut Tries::first());
            assert!(outage.welcome().now_or_never().is_some());
        }
        sleep(CERTAIN / 2).await;
        outage.got_through(&Tries::first());
    }
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_the_held_messages_take_turns_no_more_than_one_at_a_time() {
    let outage = std::sync::Arc::new(declared().await);
    let (trying, tried) = (std::sync::Arc::new(Semaphore::new(1)), std::sync::Arc::new(Mutex::new(Vec::new())));
    for id in 0..20 {
        let (outage, trying, tried) = (outage.clone(), trying.clone(), tried.clone());
        tokio::spawn(async move {
            let mut tries = Tries::first();
            loop {
                let turn = outage.turn(&tries, None).await;
                {
                    let _one_at_a_time = trying.try_acquire().expect("two messages tried at once");
                    sleep(Duration::from_millis(100)).await;
                }
                tried.lock().unwrap_or_else(PoisonError::into_inner).push(id);
                tries.begin_another();
                outage.away(&id.to_string(), &mut tries);
                drop(turn);
            }
        });
    }
    sleep(Duration::from_secs(300)).await;
    let tried = tried.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!((50..=400).contains(&tried.len()), "{}", tried.len());
    assert!((0..20).all(|id| tried.contains(&id)), "{tried:?}");
}

#[tokio::test(start_paused = true)]
async fn the_first_message_that_gets_through_ends_the_outage_for_all_that_wait() {
    let outage = declared().await;
    let tries = Tries::first();
    let over = async {
        sleep(Duration::from_millis(5_300)).await;
        outage.got_through(&tries);
    };
    let waiting = async {
        // A third one may be on trial by then.
        let _turn = outage.turn(&tries, None).await;
        elapsed(outage.turn(&tries, None)).await
    };
    let (waited, (), ()) = tokio::join!(waiting, outage.welcome(), over);
    assert!(waited <= Duration::from_millis(5_300), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_says_when_to_ask_again_is_left_alone_until_then_but_not_for_long() {
    let outage = outage();
    for (after, seconds) in [(20, 20), (3600, 30)] {
        let waited = elapsed(outage.turn(&Tries::first(), Some(Duration::from_secs(after)))).await;
        assert_eq!(waited.as_secs(), seconds);
    }
    let mut tries = Tries::first();
    (0..10).for_each(|_| tries.begin_another());
    let pauses = (0..20).map(|_| tries.pause(Some(Duration::ZERO), Duration::from_secs(30)));
    assert!(pauses.sum::<Duration>() > Duration::ZERO, "at once and at once again is no pause");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_outage_goes_before_what_a_dependency_has_said_while_it_was_away() {
    let outage = declared().await;
    assert!(outage.welcome().now_or_never().is_none());
    let over = async {
        sleep(Duration::from_secs(3)).await;
        outage.got_through(&Tries::first());
    };
    let first = Tries::first();
    let (waited, ()) = tokio::join!(elapsed(outage.turn(&first, Some(Duration::from_secs(25)))), over);
    assert_eq!(waited.as_secs(), 3);
}
