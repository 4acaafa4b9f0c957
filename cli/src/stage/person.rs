//! Who runs the command, where, and whether somebody else's command still runs here.

use crate::failure::{Context as _, Failure};
use ifc_engine::{Holder, StageName};
use rustix::process::{Pid, test_kill_process};
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _};

/// The user's name, as the system knows it.
pub(super) fn name() -> Option<String> {
    let named = ["USER", "LOGNAME", "USERNAME"].into_iter();
    let mut named = named.filter_map(|variable| std::env::var(variable).ok());
    named.find(|name| !name.is_empty()).or_else(account)
}

/// The name of the account, where no variable says it: in containers and jobs.
fn account() -> Option<String> {
    let id = rustix::process::getuid().as_raw().to_string();
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, uid) = (fields.next()?, fields.nth(1)?);
        (uid == id).then(|| name.to_owned())
    })
}

/// The personal stage.
pub(super) fn stage() -> Result<StageName, Failure> {
    let help = "choose a stage with `--stage`";
    let name = name().ok_or_else(|| {
        Failure::usage("there is no personal stage, because your name is not known").help(help)
    })?;
    StageName::personal(&name)
        .context(|| "there is no personal stage".to_owned())
        .map_err(|failure| failure.help(help))
}

/// Where chance comes from: the seed of the standard library's hashes, which the system draws.
pub(super) fn seed() -> u64 {
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
}

/// What separates a machine's name from what tells its processes from those of others.
const BEHIND_NAME: char = '/';

/// The machine, and what its process numbers mean: two containers may share a name and not a
/// process, and after a restart a number is another process's.
pub(super) fn host() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy().into_owned();
    match processes() {
        Some(processes) => format!("{name}{BEHIND_NAME}{processes}"),
        None => name,
    }
}

/// One start of one machine, and one space of process numbers in it. Only Linux tells.
fn processes() -> Option<String> {
    let start = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    let space: String = space
        .to_str()?
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    Some(format!("{}-{space}", start.trim()))
}

/// A machine's name, as people know it.
pub(crate) fn host_shown(host: &str) -> &str {
    host.split(BEHIND_NAME).next().unwrap_or(host)
}

/// Whether the holder's process runs on this machine; `None` when that cannot be told from here.
pub(crate) fn runs_here(holder: &Holder) -> Option<bool> {
    processes()?;
    if holder.host != host() {
        return None;
    }
    let process = i32::try_from(holder.process).ok().and_then(Pid::from_raw)?;
    match test_kill_process(process) {
        Ok(()) => Some(true),
        Err(rustix::io::Errno::SRCH) => Some(false),
        // It is there, and somebody else's.
        Err(_) => Some(true),
    }
}

/// Whether the holder is known to be gone.
pub(crate) fn gone(holder: &Holder) -> bool {
    runs_here(holder) == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifc_engine::Timestamp;
    use std::time::Duration;

    fn holder(host: String, process: u32) -> Holder {
        Holder {
            person: "ada".to_owned(),
            host,
            process,
            command: "ifc apply".to_owned(),
            since: Timestamp(0),
            lease: Duration::from_secs(20),
        }
    }

    #[test]
    fn only_processes_of_this_machine_are_known_to_be_gone() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended = child.id();
        child.wait().unwrap();
        if processes().is_some() {
            assert_eq!(runs_here(&holder(host(), std::process::id())), Some(true));
            assert_eq!(runs_here(&holder(host(), ended)), Some(false));
        }
        assert!(!gone(&holder("elsewhere/1-2".to_owned(), ended)));
        let same_name = format!("{}/another-start", host_shown(&host()));
        assert!(!gone(&holder(same_name, ended)));
        assert_eq!(host_shown("laptop/1-2"), "laptop");
    }
}
