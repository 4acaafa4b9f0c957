//! What `ifc::main!()` runs where Lambda starts the program: one unit of the application, which
//! invocation after invocation is handed an event, until Lambda ends the process.
//!
//! Events of every shape become requests and deliveries here, and what handlers say becomes what
//! each source understands. Knows nothing of deploying, and nothing of what handlers do.

mod event;
mod http;
mod invocations;
mod memory;
mod message;
mod record;
mod settle;
mod unit;

#[cfg(test)]
mod tests;

use crate::aws::Aws;
use crate::connection::Network;
use ifc_runtime::log::{self, Format, Levels, Sink};
use ifc_runtime::permissions::{Enforced, UnitGrants};
use ifc_runtime::{Application, BoxFuture, Environment, SystemClock};
use invocations::Invocations;
use std::process::ExitCode;
use std::sync::Arc;

pub use unit::{Context, Failed, Unit};

/// The environment variable that says which unit a process runs.
pub const UNIT_VARIABLE: &str = "IFC_UNIT";

/// The environment variable with host and port of Lambda's runtime interface.
const INTERFACE_VARIABLE: &str = "AWS_LAMBDA_RUNTIME_API";

/// Whether Lambda, or something that does as it does, started this process.
pub fn is_started_by_lambda() -> bool {
    std::env::var_os(INTERFACE_VARIABLE).is_some_and(|value| !value.is_empty())
}

/// Runs the unit that `IFC_UNIT` names, for as long as Lambda invokes it. `package` is the cargo
/// package that holds `ifc::main!()`.
///
/// Variables: `IFC_UNIT`, those of [`Aws::from_environment`], `AWS_LAMBDA_RUNTIME_API` which Lambda
/// sets, and `IFC_LOG` with the levels of logs (`info`, or `warn,orders=debug`).
pub fn main(package: &str) -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(interface) = variable(INTERFACE_VARIABLE) else {
        return refused(&format!(
            "{INTERFACE_VARIABLE} is not set: this program is built for aws, where Lambda starts \
             it; to run it here, build it with the feature `local` of `ifc`"
        ));
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return refused(&format!("cannot start the program's threads: {error}")),
    };
    let levels = variable("IFC_LOG");
    log::install(
        Format::Json,
        Sink::Output,
        Levels::parse(levels.as_deref().unwrap_or("info")),
    );
    let run: BoxFuture<'_, Result<(), String>> = Box::pin(async {
        match start(package, variable) {
            Ok(unit) => {
                let invocations = Invocations::at(&interface, &*unit.aws.transport.exchange)?;
                invocations.serve(&unit).await
            }
            Err(problem) => {
                let network = Network::new(None)?;
                let invocations = Invocations::at(&interface, &network)?;
                match invocations.initialisation_failed(&problem).await {
                    Ok(()) => Err(problem),
                    Err(failure) => Err(format!("{problem}\n{failure}")),
                }
            }
        }
    });
    let code = match runtime.block_on(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => refused(&problem),
    };
    // Tasks that handlers left behind do not outlive the last invocation.
    runtime.shutdown_background();
    code
}

fn refused(problem: &str) -> ExitCode {
    eprintln!("error: {problem}");
    ExitCode::FAILURE
}

/// The unit, ready to be invoked, in the process's environment.
fn start(package: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Unit, String> {
    let application = Application::load(package).map_err(|error| error.to_string())?;
    let application = Arc::new(application);
    let name = variable(UNIT_VARIABLE).ok_or_else(|| {
        format!(
            "{UNIT_VARIABLE} is not set: it names the unit to run, of {}",
            unit::known(&application)
        )
    })?;
    let grants = UnitGrants::of_this_program(&application).map_err(|error| error.to_string())?;
    let clock = Arc::new(SystemClock);
    let aws = Aws::from_environment(Arc::clone(&application), clock, variable)
        .map_err(|error| error.to_string())?;
    let aws = Arc::new(aws);
    let unit = Unit::new(Arc::clone(&aws), &name)?;
    let provider = Arc::new(Enforced::new(aws, grants));
    Environment::new(provider, application).enter_process();
    Ok(unit)
}
