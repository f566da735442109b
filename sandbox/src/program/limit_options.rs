//! The options of limits, one for each row of their table that has one.
#![forbid(unsafe_code)]

use clap::builder::ValueParser;
use clap::{Arg, ArgMatches, Args, FromArgMatches};

use crate::policy::limits::amounts::Unit;
use crate::policy::limits::{Demand, Limit, Limits, Row, Usual};

/// What the command line demands of limits, in their units.
#[derive(Clone, Debug, Default)]
pub(super) struct LimitOptions(Vec<(Limit, Demand<u64>)>);

impl LimitOptions {
    /// An option that was not given leaves the limit as it is.
    pub(super) fn narrow(&self, limits: &mut Limits) {
        for (limit, demand) in self.0.iter().filter(|(_, demand)| *demand != Demand::Default) {
            limits.set(*limit, *demand);
        }
    }
}

/// The option of a limit, where it has one.
fn option(limit: Limit) -> Option<Arg> {
    let Row { name, help, unit, usual, .. } = limit.row();
    let help = match (help?, usual) {
        (help, Usual::Exactly(number)) => format!("{help} [default: {}]", unit.text(number)),
        (help, _) => help.to_owned(),
    };
    let value = match unit {
        Unit::Size => "SIZE",
        Unit::Number => "N",
        Unit::Time => "TIME",
    };
    let parser = ValueParser::from(move |text: &str| limit.demand(text));
    Some(Arg::new(name).long(name).value_name(value).help(help).value_parser(parser))
}

impl Args for LimitOptions {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(Limit::ALL.into_iter().filter_map(option))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for LimitOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let with_option = Limit::ALL.into_iter().filter(|limit| limit.row().help.is_some());
        let given = with_option.filter_map(|limit| {
            let demand = matches.get_one::<Demand<u64>>(limit.row().name)?;
            Some((limit, *demand))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
