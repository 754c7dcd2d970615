use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Auth {
    /// Log in to an account anew, with you for what no program may answer
    #[command(after_help = "\
Example:
  tapeline auth login alpha-1        prints what to open or to approve, and how long it waits
What runs hands the login over for that long, and goes on with the new session.")]
    Login {
        /// The account, as [[logins]] names it
        account: String,
    },
    /// Store the seed of an account's codes by time, from the QR code that the venue shows
    Enrol(AuthEnrol),
    /// The sessions that are kept
    #[command(subcommand)]
    Sessions(AuthSessions),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapeline auth enrol alpha-1 --qr code.png
  tapeline auth enrol alpha-1 --uri -               asks for it, unseen
  tapeline auth enrol alpha-1 --uri - < seed.txt
It is stored where `totp` of the account leads to, which must be secret://local/NAME. Then it
shows the code that the venue asks for to finish.")]
pub(crate) struct AuthEnrol {
    /// The account, as [[logins]] names it
    pub account: String,
    /// A picture of the QR code: PNG or JPEG
    #[arg(long, value_name = "FILE", required_unless_present = "uri")]
    pub qr: Option<PathBuf>,
    /// `-`: the otpauth:// address, or the seed in letters, from standard input
    // Checked later: the complaints of the command line would repeat what was typed.
    #[arg(long, value_name = "-", conflicts_with = "qr")]
    pub uri: Option<String>,
    /// Replace the seed that is stored already
    #[arg(long)]
    pub force: bool,
    /// As JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthSessions {
    /// Each login of the configuration, and until when its session is good
    List {
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// End a session, at its venue too: what runs logs in anew, or waits for you where only a
    /// person can
    Revoke {
        /// The account, as [[logins]] names it
        account: String,
    },
}
