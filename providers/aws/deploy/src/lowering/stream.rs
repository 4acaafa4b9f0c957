//! A stream: one of Kinesis, which takes as much as comes.

use super::{About, Lowering, LoweringError, seconds};
use crate::catalog::STREAM;
use ifc_engine::Value;
use ifc_graph::Resource;
use ifc_manifest::kind::stream::StreamSpec;

impl Lowering<'_> {
    pub(super) fn stream(
        &mut self,
        resource: &Resource,
        spec: &StreamSpec,
    ) -> Result<(), LoweringError> {
        let about = About::resource(resource);
        let hours = (seconds(spec.retention) + 3_599) / 3_600;
        let making = self
            .fixed(&resource.id.name, "stream", STREAM, &about)?
            .set("RetentionPeriodHours", hours)
            .set(
                "StreamModeDetails",
                Value::map([("StreamMode", "ON_DEMAND".into())]),
            );
        self.add(making);
        Ok(())
    }
}
