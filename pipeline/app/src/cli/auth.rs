use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Auth {
    /// Log in to an account anew, with you for what no program may answer
    #[command(after_help = "\
Example:
  tapeline auth login alpha-1        prints what to open or to approve, and how long it waits
What runs hands the login over for that long, and goes on with the new session.")]
    Login { account: String },
    /// The sessions that are kept
    #[command(subcommand)]
    Sessions(AuthSessions),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthSessions {
    /// Each login of the configuration, and until when its session is good
    List {
        #[arg(long)]
        json: bool,
    },
    /// End a session, at its venue too: what runs logs in anew, or waits for you where only a
    /// person can
    Revoke { account: String },
}
