//! The aggregate's invariants, by example and by property.

use platform_money::{Currency, Uuid};
use proptest::prelude::*;

use super::*;
use crate::{AddressFields, InstructorId};

fn address() -> Address {
    Address::new(AddressFields {
        province: "İzmir".to_owned(),
        district: "Konak".to_owned(),
        street: "1. Kordon".to_owned(),
        zip_code: "35210".to_owned(),
        line: "No 1".to_owned(),
    })
    .unwrap()
}

fn line(course: u128, amount: i64) -> NewLine {
    NewLine {
        course: CourseId(Uuid::from_u128(course)),
        name: format!("Course {course}"),
        instructor: InstructorId(Uuid::from_u128(1_000_000)),
        price: Money::new(amount, Currency::TRY),
    }
}

fn submit(lines: Vec<NewLine>) -> Result<Order, OrderError> {
    Order::submit(NewOrder {
        id: OrderId(Uuid::from_u128(7)),
        buyer: BuyerId(Uuid::from_u128(42)),
        address: address(),
        lines,
        placed_at: OffsetDateTime::UNIX_EPOCH,
    })
}

fn paid(lines: Vec<NewLine>) -> Order {
    let mut order = submit(lines).unwrap();
    order.await_payment().unwrap();
    order.pay().unwrap();
    order
}

#[test]
fn a_new_order_is_submitted_and_costs_the_sum_of_its_lines() {
    let order = submit(vec![line(1, 1999), line(2, 1)]).unwrap();
    assert_eq!(order.snapshot().total, Money::new(2000, Currency::TRY));
    assert_eq!((order.snapshot().state, order.snapshot().version), (OrderState::Submitted, 1));
}

#[test]
fn an_order_that_breaks_a_rule_is_never_made() {
    let course = CourseId(Uuid::from_u128(1));
    assert_eq!(submit(vec![]), Err(OrderError::NoLines));
    assert_eq!(submit((0..51).map(|course| line(course, 1)).collect()), Err(OrderError::TooManyLines));
    assert_eq!(submit(vec![line(1, 5), line(1, 5)]), Err(OrderError::SameCourseTwice(course)));
    assert_eq!(submit(vec![line(1, -1)]), Err(OrderError::NegativePrice(course)));
    let own = NewLine { instructor: InstructorId(Uuid::from_u128(42)), ..line(1, 5) };
    assert_eq!(submit(vec![own]), Err(OrderError::OwnCourse(course)));
    let euro = NewLine { price: Money::new(5, "EUR".parse().unwrap()), ..line(2, 5) };
    assert!(matches!(
        submit(vec![line(1, 5), euro]),
        Err(OrderError::Money(MoneyError::CurrencyMismatch(..)))
    ));
    let too_much = vec![line(1, i64::MAX), line(2, 1)];
    assert_eq!(submit(too_much), Err(OrderError::Money(MoneyError::Overflow)));
}

#[test]
fn only_an_order_of_nothing_is_paid_without_asking_a_card() {
    let mut free = submit(vec![line(1, 0)]).unwrap();
    free.pay().unwrap();
    assert_eq!(free.snapshot().state, OrderState::Paid);
    let mut order = submit(vec![line(1, 1)]).unwrap();
    assert_eq!(order.pay(), Err(OrderError::SomethingToPay));
    assert_eq!(order.snapshot().version, 1, "what is refused changes nothing");
}

#[test]
fn a_line_is_refunded_once_and_the_last_one_refunds_the_order() {
    let mut order = paid(vec![line(1, 10), line(2, 20)]);
    let (one, two) = (CourseId(Uuid::from_u128(1)), CourseId(Uuid::from_u128(2)));
    assert_eq!(order.refund(one).unwrap().amount, 10);
    assert_eq!(order.snapshot().state, OrderState::PartlyRefunded);
    assert_eq!(order.refund(one), Err(OrderError::RefundedAlready(one)));
    assert_eq!(order.refund(CourseId(Uuid::nil())), Err(OrderError::NoSuchLine(CourseId(Uuid::nil()))));
    assert_eq!(order.refund(two).unwrap().amount, 20);
    assert_eq!(order.snapshot().state, OrderState::Refunded);
}

#[test]
fn an_order_that_is_not_paid_refunds_nothing() {
    let mut order = submit(vec![line(1, 10)]).unwrap();
    let before = order.clone();
    assert!(matches!(order.refund(CourseId(Uuid::from_u128(1))), Err(OrderError::Transition { .. })));
    assert_eq!(order, before);
}

#[test]
fn a_stored_order_that_contradicts_itself_is_not_believed() {
    let order = paid(vec![line(1, 10), line(2, 20)]).snapshot().clone();
    assert!(Order::restore(order.clone()).is_ok());
    let cheaper = OrderSnapshot { total: Money::new(1, Currency::TRY), ..order.clone() };
    let renumbered = OrderSnapshot { number: OrderNumber::of(OrderId(Uuid::nil())), ..order.clone() };
    let refunded = OrderSnapshot { state: OrderState::Refunded, ..order.clone() };
    let empty = OrderSnapshot { lines: vec![], ..order };
    for wrong in [cheaper, renumbered, refunded, empty] {
        assert!(Order::restore(wrong).is_err());
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    AwaitPayment,
    Pay,
    Cancel,
    Refund(u128),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::AwaitPayment),
        Just(Step::Pay),
        Just(Step::Cancel),
        (0u128..5).prop_map(Step::Refund),
    ];
    prop::collection::vec(step, 0..12)
}

proptest! {
    #[test]
    fn the_total_is_the_sum_or_there_is_no_order(amounts in prop::collection::vec(any::<i64>(), 0..60)) {
        let lines: Vec<_> = (0..).zip(&amounts).map(|(course, amount)| line(course, *amount)).collect();
        let exact: i128 = amounts.iter().copied().map(i128::from).sum();
        match submit(lines) {
            Ok(order) => prop_assert_eq!(i128::from(order.snapshot().total.amount), exact),
            Err(_) => prop_assert!(
                amounts.is_empty() || amounts.len() > LARGEST_ORDER || amounts.iter().any(|amount| *amount < 0)
                    || exact > i128::from(i64::MAX)
            ),
        }
    }

    #[test]
    fn whatever_is_tried_the_invariants_hold(amounts in prop::collection::vec(0i64..1000, 1..5), steps in steps()) {
        let lines = (0..).zip(&amounts).map(|(course, amount)| line(course, *amount)).collect();
        let mut order = submit(lines).unwrap();
        let mut given_back = 0;
        for step in steps {
            let before = order.clone();
            let outcome = match step {
                Step::AwaitPayment => order.await_payment(),
                Step::Pay => order.pay(),
                Step::Cancel => order.cancel(),
                Step::Refund(course) => {
                    order.refund(CourseId(Uuid::from_u128(course))).map(|money| given_back += money.amount)
                }
            };
            let (was, is) = (before.snapshot(), order.snapshot());
            if outcome.is_ok() {
                prop_assert!(was.state.can_become(is.state), "{} became {}", was.state, is.state);
                prop_assert_eq!(is.version, was.version + 1);
            } else {
                prop_assert_eq!(&order, &before, "what is refused changes nothing");
            }
            // Restoring checks every invariant.
            let restored = Order::restore(is.clone());
            prop_assert_eq!(restored.as_ref(), Ok(&order));
            prop_assert!(given_back <= is.total.amount);
            prop_assert_eq!((&is.lines.len(), is.total, is.placed_at), (&was.lines.len(), was.total, was.placed_at));
        }
    }
}
