//! `ifc config`.

use crate::access::{Access, Configs, read};
use crate::arguments::{Config, ConfigSet, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{self, NAME, QUIET, columns, paint};
use serde_json::Value;

pub(crate) fn run(global: &Global, config: &Config) -> Result<Exit, Failure> {
    match config {
        Config::Set(set) => self::set(global, set)?,
        Config::List(list) => {
            let answer = Access::of(global, &list.choice, "config list")?.configs()?;
            if list.output.json {
                terminal::print_json(&answer)?;
            } else {
                terminal::print(&self::list(&read(&answer)?))?;
            }
        }
    }
    Ok(Exit::Success)
}

fn set(global: &Global, set: &ConfigSet) -> Result<(), Failure> {
    if let Err(error) = serde_json::from_str::<Value>(&set.value) {
        let text = serde_json::Value::from(set.value.as_str());
        return Err(Failure::usage(format!("`{}` is not JSON", set.value))
            .because(error)
            .help(format!(
                "if it is meant as text, write it with its quotes: '{text}'"
            )));
    }
    Access::of(global, &set.choice, "config set")?.set_config(&set.name, &set.value)?;
    terminal::status("Set", &format!("config `{}` to {}", set.name, set.value));
    Ok(())
}

fn list(configs: &Configs) -> String {
    if configs.config.is_empty() {
        return "no configuration values\n".to_owned();
    }
    let rows: Vec<Vec<String>> = configs
        .config
        .iter()
        .map(|config| {
            let (value, origin) = match &config.value {
                None => (String::new(), "no value"),
                Some(value) if config.set => (value.to_string(), "set"),
                Some(value) => (value.to_string(), "default"),
            };
            vec![paint(NAME, &config.name), value, paint(QUIET, origin)]
        })
        .collect();
    columns(&rows)
}
