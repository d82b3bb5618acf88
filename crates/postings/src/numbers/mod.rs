//! Numbers for employers: how often postings were shown, looked at and clicked on.
//!
//! [`Counters`] counts in memory, so that nobody who reads waits for a write; [`Counters::flush`] adds up what came together, by
//! posting and day (UTC). Nothing about a reader is kept: that somebody saw the same posting before on the same day is told by
//! a hash of their address and program with a salt of that day, which never leaves the memory and ends with the day.

mod counters;
mod report;

pub use counters::{Counters, Reader, Sight};
pub use report::{
    Group, Line, NumbersError, Period, Sums, csv, find_old_day, forget_day, of_employer, of_posting,
};
