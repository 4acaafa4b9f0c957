//! `timeout-exceeds-lease`: a consumer may run longer than its message stays hidden from others.

use super::consumer_count::consumed;
use super::seconds;
use crate::{Diagnostic, Graph, Spec};

const CODE: &str = "timeout-exceeds-lease";

pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    let finding = |trigger: &crate::Trigger| {
        let queue = graph.resource(consumed(trigger)?)?;
        let unit = graph.unit(&trigger.unit)?;
        let Spec::Queue(spec) = &queue.spec else {
            return None;
        };
        let (timeout, lease) = (
            unit.spec.timeout,
            spec.lease_for(unit.spec.timeout, graph.application.targets),
        );
        (timeout > lease).then(|| {
            Diagnostic::error(
                CODE,
                format!(
                    "`{}` may run for {}, longer than the lease of {}",
                    unit.name,
                    seconds(timeout),
                    queue.id
                ),
            )
            .at(&trigger.handler.span, format!("timeout of {}", seconds(timeout)))
            .and_at(&queue.span, format!("lease of {}", seconds(lease)))
            .because("a message whose lease ends is delivered again while the first delivery still runs")
            .help(format!(
                "give the queue `.lease(seconds({}))` or more, or the handler a shorter `timeout`; without a lease the queue takes one and a half times the timeout",
                (timeout * 3 / 2).as_secs().min(600)
            ))
        })
    };
    graph.triggers.iter().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, codes};

    #[test]
    fn lease_and_timeout() {
        for (timeout, lease, expected) in [
            (60, Some(59), &[CODE][..]),
            (60, Some(60), &[]),
            (60, Some(90), &[]),
            (600, None, &[]),
        ] {
            let fixture = Fixture::new()
                .queue_with_lease("jobs", lease)
                .consumer_with_timeout("work", "jobs", timeout);
            assert_eq!(codes(&fixture), expected, "{timeout} {lease:?}");
        }
    }
}
