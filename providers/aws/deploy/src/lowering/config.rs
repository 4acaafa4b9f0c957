//! A configuration value: a parameter of the Systems Manager, when the stage or the declaration gives
//! a value. A parameter cannot be without one, so otherwise there is none until somebody sets it.

use super::{About, Lowering, LoweringError};
use crate::catalog::PARAMETER;
use ifc_engine::Naming;
use ifc_graph::Resource;
use ifc_manifest::kind::config::ConfigSpec;

impl Lowering<'_> {
    pub(super) fn config(
        &mut self,
        resource: &Resource,
        spec: &ConfigSpec,
    ) -> Result<(), LoweringError> {
        let name = &resource.id.name;
        let Some(value) = &spec.default else {
            return Ok(());
        };
        let about = About::resource(resource);
        let naming = Naming::fixed(self.context.parameter_name(name));
        let making = self
            .make(name, "parameter", PARAMETER, naming, &about)?
            .set("Type", "String")
            .set("Value", value.as_str());
        self.add(making);
        Ok(())
    }
}
