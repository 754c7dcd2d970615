use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Look up every reference of the configuration; exit code 1 if one fails
    Check {
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Write a secret into the encrypted file, or among the keys of the kernel; it is read from standard input, unseen
    Set(SecretsSet),
    /// Look one reference up
    Get(SecretsGet),
    /// Encrypt the file anew, under another passphrase
    Rotate(SecretsRotate),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapeline secrets set clickhouse                      asks for it
  tapeline secrets set broker/alpha-1 < password.txt
  tapeline secrets set --os passphrase                 in memory, until the machine is off
In the configuration they are then secret://local/clickhouse and secret://os/passphrase")]
pub(crate) struct SecretsSet {
    /// Letters, digits and `._-/`
    pub name: String,
    /// Among the keys that the kernel keeps for you (Linux)
    #[arg(long)]
    pub os: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapeline secrets get --masked secret://vault/kv/kafka#password")]
pub(crate) struct SecretsGet {
    /// Like secret://local/NAME
    // As text: the complaints of the command line would repeat what was typed.
    pub reference: String,
    /// How long it is, its version and its age, but nothing of it
    #[arg(long, required_unless_present = "show")]
    pub masked: bool,
    /// The secret itself, for whoever looks over your shoulder
    #[arg(long, conflicts_with_all = ["masked", "json"])]
    pub show: bool,
    /// As JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapeline secrets rotate --to secret://file//run/secrets/new-passphrase")]
pub(crate) struct SecretsRotate {
    /// Where the new passphrase is: secret://env/NAME, secret://file/PATH or secret://os/NAME
    #[arg(long, value_name = "REFERENCE")]
    pub to: String,
}
