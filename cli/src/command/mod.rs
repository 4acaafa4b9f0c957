//! The commands: one file each.

mod apply;
mod bucket;
mod build;
mod check;
mod child;
mod completions;
mod config;
mod consent;
mod destroy;
mod dev;
mod doctor;
mod drift;
mod emit;
mod graph;
mod invoke;
mod local;
mod logs;
mod new;
mod plan;
mod policy;
mod queue;
mod secret;
mod serve;
mod state;
mod status;
mod stream;
mod test;
mod unlock;
mod why;

use crate::arguments::{Arguments, Command};
use crate::exit::Exit;
use crate::failure::Failure;

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let global = arguments.global;
    match arguments.command {
        Command::New(new) => new::run(&global, &new),
        Command::Check(check) => check::run(&global, &check),
        Command::Why(why) => why::run(&global, &why),
        Command::Graph(graph) => graph::run(&global, &graph),
        Command::Dev(dev) => dev::run(&global, &dev),
        Command::Test(test) => test::run(&global, &test),
        Command::Build(build) => build::run(&global, &build),
        Command::Emit(emit) => emit::run(&global, &emit),
        Command::Policy(policy) => policy::run(&global, &policy),
        Command::Plan(plan) => plan::run(&global, &plan),
        Command::Apply(apply) => apply::run(&global, &apply),
        Command::Destroy(destroy) => destroy::run(&global, &destroy),
        Command::Serve(serve) => serve::run(&global, &serve),
        Command::Status(status) => status::run(&global, &status),
        Command::Drift(drift) => drift::run(&global, &drift),
        Command::State(state) => state::run(&global, &state),
        Command::Unlock(unlock) => unlock::run(&global, &unlock),
        Command::Invoke(invoke) => invoke::run(&global, &invoke),
        Command::Logs(logs) => logs::run(&global, &logs),
        Command::Queue(queue) => queue::run(&global, &queue),
        Command::Stream(stream) => stream::run(&global, &stream),
        Command::Bucket(bucket) => bucket::run(&global, &bucket),
        Command::Secret(secret) => secret::run(&global, &secret),
        Command::Config(config) => config::run(&global, &config),
        Command::Local(local) => local::run(&global, &local),
        Command::Doctor(doctor) => doctor::run(&global, &doctor),
        Command::Completions(completions) => completions::run(&completions),
    }
}
