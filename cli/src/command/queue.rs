//! `ifc queue`.

use crate::access::{Access, Cloud, Depth, read};
use crate::arguments::{Global, Queue, QueuePeek, QueueRedrive};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::summary::counted;
use crate::terminal::{self, NAME, QUIET, columns, paint};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Messages {
    depth: Depth,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    id: String,
    state: String,
    until: Option<String>,
    attempts: u32,
    sent: String,
    group: Option<String>,
    body: Value,
}

#[derive(Deserialize)]
struct DeadLetters {
    dead_letters: Vec<DeadLetter>,
}

#[derive(Deserialize)]
struct DeadLetter {
    id: String,
    attempts: u32,
    reason: String,
    dead: String,
    body: Value,
}

#[derive(Deserialize)]
struct Redriven {
    redriven: u64,
}

pub(crate) fn run(global: &Global, queue: &Queue) -> Result<Exit, Failure> {
    match queue {
        Queue::Peek(peek) => self::peek(&Access::of(global, &peek.choice, "queue peek")?, peek)?,
        Queue::Redrive(redrive) => self::redrive(
            &Access::of(global, &redrive.choice, "queue redrive")?,
            redrive,
        )?,
    }
    Ok(Exit::Success)
}

fn peek(access: &Access, peek: &QueuePeek) -> Result<(), Failure> {
    if let Some(caveat) = access
        .cloud()
        .and_then(Cloud::caveat)
        .filter(|_| !peek.dead)
    {
        terminal::warn(caveat);
    }
    let answer = match peek.dead {
        true => access.dead_letters(&peek.queue, peek.limit)?,
        false => access.messages(&peek.queue, peek.limit)?,
    };
    if peek.output.json {
        return terminal::print_json(&answer);
    }
    terminal::print(&match peek.dead {
        true => dead_letters(&read(&answer)?),
        false => messages(&read(&answer)?),
    })
}

fn messages(messages: &Messages) -> String {
    let rows: Vec<Vec<String>> = messages
        .messages
        .iter()
        .map(|message| {
            let mut state = message.state.clone();
            if let Some(until) = &message.until {
                state.push_str(&format!(" until {until}"));
            }
            if let Some(group) = &message.group {
                state.push_str(&format!(", group {group}"));
            }
            vec![
                paint(NAME, &message.id),
                paint(QUIET, &format!("sent {}", message.sent)),
                state,
                counted(message.attempts as usize, "attempt"),
                message.body.to_string(),
            ]
        })
        .collect();
    columns(&rows) + &depth(&messages.depth) + "\n"
}

fn dead_letters(letters: &DeadLetters) -> String {
    let mut text = String::new();
    for letter in &letters.dead_letters {
        text.push_str(&format!(
            "{} {}\n  {}\n  {}\n",
            paint(NAME, &letter.id),
            paint(
                QUIET,
                &format!(
                    "given up {} after {}",
                    letter.dead,
                    counted(letter.attempts as usize, "attempt")
                )
            ),
            letter.reason,
            letter.body,
        ));
    }
    text + &counted(letters.dead_letters.len(), "dead letter") + "\n"
}

/// "2 ready, 1 in flight": what there is none of is left out.
pub(super) fn depth(depth: &Depth) -> String {
    let parts: Vec<String> = [
        (depth.ready, "ready"),
        (depth.delayed, "delayed"),
        (depth.in_flight, "in flight"),
        (depth.dead, "dead"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    match parts.is_empty() {
        true => "empty".to_owned(),
        false => parts.join(", "),
    }
}

fn redrive(access: &Access, redrive: &QueueRedrive) -> Result<(), Failure> {
    let ids = match redrive.id.is_empty() {
        true => None,
        false => Some(redrive.id.clone()),
    };
    let answer = access.redrive(&redrive.queue, ids)?;
    if redrive.output.json {
        return terminal::print_json(&answer);
    }
    let Redriven { redriven } = read(&answer)?;
    let asked = redrive.id.len() as u64;
    if redriven < asked {
        terminal::warn(&format!(
            "{} of the ids are not among the dead letters",
            asked - redriven
        ));
    }
    let letters = usize::try_from(redriven).unwrap_or(usize::MAX);
    terminal::print(&format!("{} put back\n", counted(letters, "dead letter")))
}
