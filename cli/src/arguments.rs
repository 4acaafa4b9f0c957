//! The arguments of the command line.

use crate::exit;
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

/// Infrastructure from code: declare queues, tables, routes and schedules in Rust, beside the code
/// that uses them
#[derive(Debug, Parser)]
#[command(name = "ifc", version, after_help = exit::TABLE)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which application, and how to talk.
#[derive(Debug, Args)]
#[command(next_help_heading = "Application")]
pub(crate) struct Global {
    /// Directory of the application
    #[arg(short = 'C', long, global = true, value_name = "DIR", default_value = ".", hide_default_value = true, value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
    /// Package with the application, in a workspace with several
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) package: Option<String>,
    /// Binary of the application, in a package with several
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) bin: Option<String>,
    /// Build with the release profile
    #[arg(short, long, global = true)]
    pub(crate) release: bool,
    /// Cargo features to enable
    #[arg(
        short = 'F',
        long,
        global = true,
        value_name = "FEATURES",
        value_delimiter = ','
    )]
    pub(crate) features: Vec<String>,
    /// Leave out the default cargo features
    #[arg(long, global = true)]
    pub(crate) no_default_features: bool,
    /// When to colour the output
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = false
    )]
    pub(crate) color: ColorChoice,
}

/// How to print facts.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Print JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// Check the application.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Fail when the permissions are not those in `grants.lock`
    #[arg(long)]
    pub(crate) locked: bool,
    /// Write the permissions to `grants.lock`, to be committed
    #[arg(long, conflicts_with = "locked")]
    pub(crate) write_lock: bool,
    /// Fail when a resource is not used
    #[arg(long)]
    pub(crate) deny_unused: bool,
    /// Fail on any warning
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Explain a permission.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The unit
    pub(crate) unit: String,
    /// What it may do: `orders.put`; without it, everything the unit may do is explained
    #[arg(value_name = "RESOURCE.VERB")]
    pub(crate) grant: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a project that builds, runs and tests
    New(New),
    /// Run the application locally, rebuild it on save
    Dev(Dev),
    /// Build the application, read its graph and show everything that is wrong with it
    Check(Check),
    /// Show why a unit may do something: the way from its handler to the operation
    Why(Why),
    /// Show the graph: routes, units, resources
    Graph(Graph),
    /// Run `cargo test` with the permissions of every unit enforced
    Test(Test),
    /// Build the application for a cloud and pack it, without deploying it
    Build(Build),
    /// Write what a stage is to be in the form of another tool, to go on with that
    Emit(Emit),
    /// Print the least policy that whoever deploys a stage needs
    Policy(Policy),
    /// Show what would have to be done so that a stage is as the application says
    Plan(Plan),
    /// Make a stage what the application says, or carry out a saved plan
    Apply(Apply),
    /// Delete everything of a stage but what is retained or protected
    Destroy(Destroy),
    /// Run what is deployed to a stage of the local provider
    Serve(Serve),
    /// Show what a stage consists of, and how its parts stand at the provider
    Status(Status),
    /// Show what somebody else changed in a stage, and what the next apply would do about it
    Drift(Drift),
    /// Show and mend what is recorded about a stage
    #[command(subcommand)]
    State(State),
    /// Take the lock of a stage away from a command that no longer runs
    Unlock(Unlock),
    /// Run a unit once with an event of your own
    Invoke(Invoke),
    /// Show what the units of a deployed stage logged
    Logs(Logs),
    /// Look into queues and put dead letters back
    #[command(subcommand)]
    Queue(Queue),
    /// Send consumers of streams back
    #[command(subcommand)]
    Stream(Stream),
    /// List, read, write and remove the objects of buckets
    #[command(subcommand)]
    Bucket(Bucket),
    /// Set secrets and see which have a value
    #[command(subcommand)]
    Secret(Secret),
    /// Set configuration values and see them
    #[command(subcommand)]
    Config(Config),
    /// Look after the data of the local provider
    #[command(subcommand)]
    Local(Local),
    /// Check what the command and the applications need on this machine
    Doctor(Doctor),
    /// Print a script that completes this command's arguments in a shell
    Completions(Completions),
}

/// Make a project.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// Directory to make; its last part is the name of the package
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) path: PathBuf,
    /// What to begin with
    #[arg(short, long, value_enum, default_value_t = Template::Api)]
    pub(crate) template: Template,
    /// Depend on the `ifc` crate in this directory instead of a published one
    #[arg(long, hide = true, value_name = "DIR")]
    pub(crate) ifc_path: Option<PathBuf>,
}

/// What a new project begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// An HTTP API over a table
    Api,
    /// A queue with its consumer, and a schedule
    Worker,
}

/// Run the application locally.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Port to serve on, on the loopback interface only [default: the application's, 3000]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

/// Check this machine.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Tell how to try a cloud on this machine, and whether that works
    #[arg(long, value_name = "PROVIDER", value_enum)]
    pub(crate) emulator: Option<Emulated>,
    /// Port to look at
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A cloud that can be tried on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Emulated {
    /// By MiniStack
    Aws,
}

/// Show the graph.
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// How to show it
    #[arg(short, long, value_enum, default_value_t = GraphFormat::Text)]
    pub(crate) format: GraphFormat,
    /// Print JSON, the same as `--format json`
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

/// A form of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// For people
    Text,
    /// For programs; its schema is published with the `ifc-graph` crate
    Json,
    /// For Mermaid, which Markdown on many sites understands
    Mermaid,
    /// For Graphviz
    Dot,
    /// A drawing
    Svg,
}

/// Print a completion script.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Run tests.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Arguments for `cargo test`
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    pub(crate) arguments: Vec<String>,
}

/// Which stage, and where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stage")]
pub(crate) struct StageChoice {
    /// Stage [default: your personal one, named after you]
    #[arg(long, value_name = "NAME")]
    pub(crate) stage: Option<String>,
    /// Provider [default: that of `ifc.toml`, else `local`]
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
}

/// Whose data.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stage")]
pub(crate) struct DataChoice {
    /// Stage [default: none, but what `ifc dev` and `cargo run` work on]
    #[arg(long, value_name = "NAME")]
    pub(crate) stage: Option<String>,
    /// Provider of the stage [default: that of `ifc.toml`, else `local`]
    #[arg(long, value_name = "NAME", requires = "stage")]
    pub(crate) provider: Option<String>,
}

/// What the user agrees to. Each is a resource, `orders`, or one part of it, `orders/queue`.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Consent")]
pub(crate) struct Consent {
    /// Delete this though it is retained or protected, with all it holds
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) delete: Vec<String>,
    /// Replace this though what it holds is not in the new one
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) allow_replace: Vec<String>,
    /// Take over this though it does not carry the tags of the stage
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) take_over: Vec<String>,
    /// Keep a resource that has another name now
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) rename: Vec<String>,
}

/// Build for a cloud.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Provider to build for [default: aws]
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// File to write the archive to [default: below the target directory]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Write another tool's form.
#[derive(Debug, Args)]
pub(crate) struct Emit {
    #[command(flatten)]
    pub(crate) choice: StageChoice,
    /// Whose form
    #[arg(short, long, value_enum)]
    pub(crate) format: EmitFormat,
    /// With what takes over the parts that are deployed, so that they stay; for Terraform
    #[arg(long, conflicts_with = "offline")]
    pub(crate) import: bool,
    /// Without credentials, for the account and region that `ifc.toml` names
    #[arg(long)]
    pub(crate) offline: bool,
    /// File to write to [default: standard output]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
}

/// Another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EmitFormat {
    /// A template in JSON
    Cloudformation,
    /// A configuration in JSON, for a file whose name ends in `.tf.json`
    Terraform,
}

/// Print the deployer's policy.
#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(flatten)]
    pub(crate) choice: StageChoice,
    /// For whatever the stage may come to have of the same sorts, rather than for what it has now
    #[arg(long)]
    pub(crate) wide: bool,
    /// Without credentials, for the account and region that `ifc.toml` names
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Show what would be done.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) choice: StageChoice,
    #[command(flatten)]
    pub(crate) consent: Consent,
    /// Plan for an empty stage, without asking the provider or reading state
    #[arg(long)]
    pub(crate) offline: bool,
    /// Plan to destroy the stage
    #[arg(long, conflicts_with = "offline")]
    pub(crate) destroy: bool,
    /// Save the plan, for `ifc apply FILE`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// Exit with 2 when there is something to do, with 0 when there is nothing, and with 1 on
    /// every error
    #[arg(long)]
    pub(crate) detailed_exit_code: bool,
    /// Show the properties of what would be made, too
    #[arg(long, conflicts_with = "json")]
    pub(crate) details: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Carry out a plan.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// A plan that `ifc plan --out` saved; without it a new one is made
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath,
          conflicts_with_all = ["delete", "allow_replace", "take_over", "rename"])]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) choice: StageChoice,
    #[command(flatten)]
    pub(crate) consent: Consent,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show the properties of what would be made, too
    #[arg(long)]
    pub(crate) details: bool,
}

/// Delete a stage.
#[derive(Debug, Args)]
pub(crate) struct Destroy {
    #[command(flatten)]
    pub(crate) choice: StageChoice,
    /// Delete this resource though it is retained or protected, with all it holds
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) delete: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Run what is deployed.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) choice: StageChoice,
    /// Port to serve on, on the loopback interface only [default: the application's, 3000]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

/// Show a stage.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) choice: StageChoice,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Show drift.
#[derive(Debug, Args)]
pub(crate) struct Drift {
    #[command(flatten)]
    pub(crate) choice: StageChoice,
    /// Exit with 2 when there is drift, with 0 when there is none, and with 1 on every error
    #[arg(long)]
    pub(crate) detailed_exit_code: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Work on what is recorded about a stage.
#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// Show what is recorded, without asking the provider
    Show(StateShow),
    /// Give a recorded part another address
    Mv(StateMove),
    /// Forget a part without deleting it
    Rm(StateRemove),
}

/// Show what is recorded.
#[derive(Debug, Args)]
pub(crate) struct StateShow {
    /// Only this resource, or this part of one
    #[arg(value_name = "RESOURCE")]
    pub(crate) address: Option<String>,
    #[command(flatten)]
    pub(crate) choice: StageChoice,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Give a part another address.
#[derive(Debug, Args)]
pub(crate) struct StateMove {
    /// The address until now, such as `orders/queue`
    pub(crate) from: String,
    /// The address from now on
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) choice: StageChoice,
}

/// Forget a part.
#[derive(Debug, Args)]
pub(crate) struct StateRemove {
    /// The address of the part, such as `orders/queue`
    pub(crate) address: String,
    #[command(flatten)]
    pub(crate) choice: StageChoice,
}

/// Break a lock.
#[derive(Debug, Args)]
pub(crate) struct Unlock {
    #[command(flatten)]
    pub(crate) choice: StageChoice,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Run a unit.
#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// The unit
    pub(crate) unit: String,
    /// File with the event as JSON, or `-` for standard input; without it the event is `null`
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) event: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) choice: DataChoice,
}

/// Show logs.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Only what this unit logged
    pub(crate) unit: Option<String>,
    /// Go on with what is logged from now on, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// From when on: `2026-01-31T08:00:00Z`, or how long ago, such as `90s`, `15m`, `6h` or `2d`
    #[arg(long, value_name = "WHEN", default_value = "15m")]
    pub(crate) since: String,
    /// Stage
    #[arg(long, value_name = "NAME", help_heading = "Stage")]
    pub(crate) stage: String,
    /// Provider of the stage [default: that of `ifc.toml`, else `local`]
    #[arg(long, value_name = "NAME", help_heading = "Stage")]
    pub(crate) provider: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Work on queues.
#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    /// Show what waits in a queue, without taking it
    Peek(QueuePeek),
    /// Put dead letters back into their queue
    Redrive(QueueRedrive),
}

/// Look into a queue.
#[derive(Debug, Args)]
pub(crate) struct QueuePeek {
    /// The queue
    pub(crate) queue: String,
    /// Show the messages that were given up
    #[arg(long)]
    pub(crate) dead: bool,
    /// Show at most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) choice: DataChoice,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Put dead letters back.
#[derive(Debug, Args)]
pub(crate) struct QueueRedrive {
    /// The queue
    pub(crate) queue: String,
    /// Only the message with this id; may be given several times
    #[arg(long, value_name = "ID")]
    pub(crate) id: Vec<String>,
    #[command(flatten)]
    pub(crate) choice: DataChoice,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Work on buckets.
#[derive(Debug, Subcommand)]
pub(crate) enum Bucket {
    /// List objects
    Ls(BucketList),
    /// Read an object
    Get(BucketGet),
    /// Write an object
    Put(BucketPut),
    /// Remove an object
    Rm(BucketRemove),
}

/// List the objects of a bucket by key.
#[derive(Debug, Args)]
pub(crate) struct BucketList {
    /// The bucket
    pub(crate) bucket: String,
    /// Only keys that begin like this
    #[arg(default_value = "")]
    pub(crate) prefix: String,
    /// Fold what has a `/` after the prefix into folders
    #[arg(long)]
    pub(crate) folders: bool,
    /// Show at most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Go on where an earlier list ended
    #[arg(long)]
    pub(crate) cursor: Option<String>,
    #[command(flatten)]
    pub(crate) choice: DataChoice,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Read an object into a file, or to standard output.
#[derive(Debug, Args)]
pub(crate) struct BucketGet {
    /// The bucket
    pub(crate) bucket: String,
    /// The object
    pub(crate) key: String,
    /// Where to; `-`: standard output
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) choice: DataChoice,
}

/// Write an object from a file, or from standard input, over what is there.
#[derive(Debug, Args)]
pub(crate) struct BucketPut {
    /// The bucket
    pub(crate) bucket: String,
    /// The object
    pub(crate) key: String,
    /// What to write; `-`: standard input
    pub(crate) file: PathBuf,
    /// The type that readers are told
    #[arg(long, value_name = "TYPE", default_value = "application/octet-stream")]
    pub(crate) content_type: String,
    #[command(flatten)]
    pub(crate) choice: DataChoice,
}

/// Remove an object.
#[derive(Debug, Args)]
pub(crate) struct BucketRemove {
    /// The bucket
    pub(crate) bucket: String,
    /// The object
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) choice: DataChoice,
}

/// Work on streams.
#[derive(Debug, Subcommand)]
pub(crate) enum Stream {
    /// Deliver records again, to one consumer
    Replay(StreamReplay),
}

/// Send a consumer back, or on.
#[derive(Debug, Args)]
pub(crate) struct StreamReplay {
    /// The unit that consumes the stream
    pub(crate) unit: String,
    /// From when on: `2026-01-31T08:00:00Z`, or how long ago, such as `90s`, `15m`, `6h` or `2d`
    #[arg(long, value_name = "WHEN")]
    pub(crate) from: String,
    #[command(flatten)]
    pub(crate) choice: DataChoice,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Work on secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Set the value of a secret: asked for on a terminal, else read from standard input
    Set(SecretSet),
    /// Show which secrets there are and which have a value; never a value
    List(DataList),
}

/// Show a list.
#[derive(Debug, Args)]
pub(crate) struct DataList {
    #[command(flatten)]
    pub(crate) choice: DataChoice,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Set a secret.
#[derive(Debug, Args)]
pub(crate) struct SecretSet {
    /// The secret
    pub(crate) name: String,
    /// File with the value, or `-` for standard input; taken as it is, byte for byte
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) value_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) choice: DataChoice,
}

/// Work on configuration values.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Set a value
    Set(ConfigSet),
    /// Show the values
    List(DataList),
}

/// Set a configuration value.
#[derive(Debug, Args)]
pub(crate) struct ConfigSet {
    /// The configuration value
    pub(crate) name: String,
    /// The value as JSON: `3`, `true`, `\"text\"`, `{"a":1}`
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    #[command(flatten)]
    pub(crate) choice: DataChoice,
}

/// Work on local data.
#[derive(Debug, Subcommand)]
pub(crate) enum Local {
    /// Show what runs and what is stored
    Status(Output),
    /// Delete everything that the application stored on this machine
    Reset(LocalReset),
}

/// Delete local data.
#[derive(Debug, Args)]
pub(crate) struct LocalReset {
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}
