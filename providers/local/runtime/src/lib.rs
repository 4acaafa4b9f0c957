//! The embedded local provider of ifc: durable queues, tables, schedules and secrets in one directory.
