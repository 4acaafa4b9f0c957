//! The knobs that every unit has, wherever it is declared.

/// Adds the unit's knobs to a builder that keeps a `UnitSpec` in the field `$unit`. `$limit` is the
/// range of the time-out for the edge that invokes the unit.
macro_rules! unit_knobs {
    ($limit:expr, $($unit:ident).+) => {
        /// Longest run of one invocation; then it counts as failed.
        ///
        /// # Panics
        /// Outside the range of the edge; in a constant that is a compile error.
        #[track_caller]
        pub const fn timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.$($unit).+ = self.$($unit).+.timeout(timeout, $limit);
            self
        }

        /// Memory in MB: 512, 1024, 2048 or 4096, which every provider has; some have more. The
        /// default is the provider's.
        ///
        /// # Panics
        /// For less or more than any provider has; in a constant that is a compile error.
        #[track_caller]
        pub const fn memory_mb(mut self, memory_mb: u32) -> Self {
            self.$($unit).+ = self.$($unit).+.memory_mb(memory_mb);
            self
        }

        /// Most instances at a time, 40 to 1,000, without Azure 1 to 1,000. Default 100.
        ///
        /// # Panics
        /// Outside the range; in a constant that is a compile error.
        #[track_caller]
        pub const fn max_instances(mut self, instances: u32) -> Self {
            self.$($unit).+ = self.$($unit).+.max_instances(instances);
            self
        }

        /// Instances kept ready, 0 to 10, billed while idle. Default 0.
        ///
        /// # Panics
        /// Outside the range; in a constant that is a compile error.
        #[track_caller]
        pub const fn min_instances(mut self, instances: u32) -> Self {
            self.$($unit).+ = self.$($unit).+.min_instances(instances);
            self
        }

        /// Invocations at a time in one instance, 1 to 100. The default is the provider's.
        ///
        /// # Panics
        /// Outside the range; in a constant that is a compile error.
        #[track_caller]
        pub const fn concurrency(mut self, invocations: u32) -> Self {
            self.$($unit).+ = self.$($unit).+.concurrency(invocations);
            self
        }

        /// What the unit is built for where it is deployed. Default 64-bit x86, which every
        /// provider runs; `Arch::Arm64` is for applications whose only target is AWS. Here it runs
        /// on whatever this machine is.
        pub const fn arch(mut self, arch: ::ifc_manifest::kind::unit::Arch) -> Self {
            self.$($unit).+ = self.$($unit).+.arch(arch);
            self
        }
    };
}
pub(crate) use unit_knobs;
