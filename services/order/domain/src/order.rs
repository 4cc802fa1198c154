//! The aggregate.

use std::collections::HashSet;

use platform_money::{Money, MoneyError};
use time::OffsetDateTime;

use crate::{Address, BuyerId, CourseId, LineSnapshot, NewLine, OrderId, OrderNumber, OrderState};

/// Lines of an order at most.
pub const LARGEST_ORDER: usize = 50;

/// What a new order is made of.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Its id.
    pub id: OrderId,
    /// Who buys.
    pub buyer: BuyerId,
    /// Where the invoice goes.
    pub address: Address,
    /// What is bought.
    pub lines: Vec<NewLine>,
    /// When.
    pub placed_at: OffsetDateTime,
}

/// An order, whole: how it is stored and shown. Only an [`Order`] can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSnapshot {
    /// Its id.
    pub id: OrderId,
    /// Its number for people.
    pub number: OrderNumber,
    /// Who bought.
    pub buyer: BuyerId,
    /// Where the invoice goes.
    pub address: Address,
    /// What was bought, in the order in which it was put.
    pub lines: Vec<LineSnapshot>,
    /// The sum of all lines, refunded or not.
    pub total: Money,
    /// Where it stands.
    pub state: OrderState,
    /// When it was placed.
    pub placed_at: OffsetDateTime,
    /// 1 for a new order, one more with each change.
    pub version: i64,
}

/// Why something can't happen to an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Nothing is bought.
    #[error("an order has at least one line")]
    NoLines,
    /// More is bought than fits an order.
    #[error("an order has at most {LARGEST_ORDER} lines")]
    TooManyLines,
    /// One can own a course once.
    #[error("course {0} is in the order twice")]
    SameCourseTwice(CourseId),
    /// One owns what one teaches.
    #[error("course {0} is the buyer's own")]
    OwnCourse(CourseId),
    /// Nobody is paid for taking a course.
    #[error("the price of course {0} is less than zero")]
    NegativePrice(CourseId),
    /// The prices have no sum: different currencies, or too large.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// There is no way between these states.
    #[error("an order that is {from} can't become {to}")]
    Transition {
        /// Where it stands.
        from: OrderState,
        /// Where it should go.
        to: OrderState,
    },
    /// Only an order of nothing to pay is paid without a payment.
    #[error("there is something to pay")]
    SomethingToPay,
    /// The order has no such line.
    #[error("course {0} is not in the order")]
    NoSuchLine(CourseId),
    /// Money goes back once.
    #[error("course {0} is refunded already")]
    RefundedAlready(CourseId),
    /// What is stored contradicts itself.
    #[error("the stored order is not consistent: {0}")]
    Inconsistent(&'static str),
}

/// An order. Its invariants hold at any time: one to fifty lines, one currency, no course twice, none of the
/// buyer's own, the total is the sum of the lines, and the state agrees with what was refunded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order(OrderSnapshot);

impl Order {
    /// Submits a new order.
    ///
    /// # Errors
    /// When the lines break an invariant.
    pub fn submit(new: NewOrder) -> Result<Self, OrderError> {
        let total = check_lines(new.buyer, &new.lines)?;
        Ok(Self(OrderSnapshot {
            number: OrderNumber::of(new.id),
            id: new.id,
            buyer: new.buyer,
            address: new.address,
            lines: new.lines.into_iter().map(|bought| LineSnapshot { bought, refunded: false }).collect(),
            total,
            state: OrderState::Submitted,
            placed_at: new.placed_at,
            version: 1,
        }))
    }

    /// Takes an order out of the store, which is believed no more than anybody.
    ///
    /// # Errors
    /// When what is stored breaks an invariant.
    pub fn restore(snapshot: OrderSnapshot) -> Result<Self, OrderError> {
        let lines: Vec<_> = snapshot.lines.iter().map(|line| line.bought.clone()).collect();
        if check_lines(snapshot.buyer, &lines)? != snapshot.total {
            return Err(OrderError::Inconsistent("its total is not the sum of its lines"));
        }
        if snapshot.number != OrderNumber::of(snapshot.id) {
            return Err(OrderError::Inconsistent("its number is another order's"));
        }
        let refunded = snapshot.lines.iter().filter(|line| line.refunded).count();
        let agrees = match snapshot.state {
            OrderState::PartlyRefunded => (1..snapshot.lines.len()).contains(&refunded),
            OrderState::Refunded => refunded == snapshot.lines.len(),
            _ => refunded == 0,
        };
        if !agrees {
            return Err(OrderError::Inconsistent("its state is not what was refunded"));
        }
        Ok(Self(snapshot))
    }

    /// The order, whole.
    #[must_use]
    pub fn snapshot(&self) -> &OrderSnapshot {
        &self.0
    }

    /// The buyer's card is going to be asked.
    ///
    /// # Errors
    /// When the order is past that.
    pub fn await_payment(&mut self) -> Result<(), OrderError> {
        self.become_state(OrderState::AwaitingPayment)
    }

    /// It is paid. Straight from *submitted* only when there is nothing to pay.
    ///
    /// # Errors
    /// When the order is past that, or was not to be paid yet.
    pub fn pay(&mut self) -> Result<(), OrderError> {
        if self.0.state == OrderState::Submitted && self.0.total.amount > 0 {
            return Err(OrderError::SomethingToPay);
        }
        self.become_state(OrderState::Paid)
    }

    /// It will not be paid.
    ///
    /// # Errors
    /// When it is paid, or cancelled already.
    pub fn cancel(&mut self) -> Result<(), OrderError> {
        self.become_state(OrderState::Cancelled)
    }

    /// The money for one course goes back. Answers how much.
    ///
    /// # Errors
    /// When the order is not paid, has no such line, or the line is refunded already.
    pub fn refund(&mut self, course: CourseId) -> Result<Money, OrderError> {
        let left = self.0.lines.iter().filter(|line| !line.refunded).count();
        let next = if left <= 1 { OrderState::Refunded } else { OrderState::PartlyRefunded };
        let line = self.0.lines.iter_mut().find(|line| line.bought.course == course);
        let line = line.ok_or(OrderError::NoSuchLine(course))?;
        if line.refunded {
            return Err(OrderError::RefundedAlready(course));
        }
        if !self.0.state.can_become(next) {
            return Err(OrderError::Transition { from: self.0.state, to: next });
        }
        line.refunded = true;
        let amount = line.bought.price;
        self.become_state(next)?;
        Ok(amount)
    }

    fn become_state(&mut self, next: OrderState) -> Result<(), OrderError> {
        if !self.0.state.can_become(next) {
            return Err(OrderError::Transition { from: self.0.state, to: next });
        }
        self.0.state = next;
        self.0.version += 1;
        Ok(())
    }
}

/// Checks what must be true of an order's lines, and answers their sum.
fn check_lines(buyer: BuyerId, lines: &[NewLine]) -> Result<Money, OrderError> {
    let first = lines.first().ok_or(OrderError::NoLines)?;
    if lines.len() > LARGEST_ORDER {
        return Err(OrderError::TooManyLines);
    }
    let mut seen = HashSet::new();
    for line in lines {
        if !seen.insert(line.course) {
            return Err(OrderError::SameCourseTwice(line.course));
        }
        if line.instructor.0 == buyer.0 {
            return Err(OrderError::OwnCourse(line.course));
        }
        if line.price.amount < 0 {
            return Err(OrderError::NegativePrice(line.course));
        }
    }
    Ok(Money::sum(first.price.currency, lines.iter().map(|line| line.price))?)
}

#[cfg(test)]
mod tests;
