//! Who may do what: the one place that decides.

use accounts::{ApiKey, Role, Scope, role_of};
use postings::Posting;
use store::{DbConn, Id};

use crate::caller::Caller;
use crate::error::{Code, Problem};

/// What a caller is to an employer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody.
    Stranger,
    /// A member.
    Member(Role),
    /// A program with one of its keys, which does what its scopes allow, and never more than a recruiter.
    Program {
        /// Looks at what is not public.
        reads: bool,
        /// Writes postings.
        writes: bool,
        /// Imports.
        imports: bool,
    },
    /// The board's operator.
    Operator,
}

/// What `caller` is to the employer.
pub(crate) fn standing(conn: &mut DbConn, caller: &Caller, employer_id: Id) -> Result<Standing, Problem> {
    Ok(match caller {
        Caller::Key(key) if key.employer_id == employer_id => program(key),
        Caller::Anonymous | Caller::Key(_) => Standing::Stranger,
        Caller::User(user, _) if user.is_operator => Standing::Operator,
        Caller::User(user, _) => {
            role_of(conn, employer_id, user.id)?.map_or(Standing::Stranger, Standing::Member)
        }
    })
}

fn program(key: &ApiKey) -> Standing {
    Standing::Program {
        reads: key.may(Scope::Read),
        writes: key.may(Scope::Postings),
        imports: key.may(Scope::Imports),
    }
}

impl Standing {
    /// Sees drafts and everything else that is not public. Who writes postings sees them, too.
    pub(crate) fn is_insider(self) -> bool {
        match self {
            Self::Stranger => false,
            Self::Member(_) | Self::Operator => true,
            Self::Program { reads, writes, .. } => reads || writes,
        }
    }

    fn can_import(self) -> bool {
        match self {
            Self::Program { imports, .. } => imports,
            other => other.can_edit(),
        }
    }

    fn can_edit(self) -> bool {
        match self {
            Self::Stranger => false,
            Self::Program { writes, .. } => writes,
            Self::Member(role) => role.can_edit_postings(),
            Self::Operator => true,
        }
    }

    fn can_manage(self) -> bool {
        match self {
            Self::Stranger | Self::Program { .. } => false,
            Self::Member(role) => role.can_manage_members(),
            Self::Operator => true,
        }
    }
}

/// 401 for nobody, 403 for somebody.
fn refuse(caller: &Caller) -> Problem {
    match caller {
        Caller::Anonymous => Problem::new(Code::CredentialsMissing),
        Caller::User(..) => Problem::new(Code::NotAllowed),
        Caller::Key(key) => {
            let scopes: Vec<&str> = key.scopes.0.iter().map(|scope| scope.as_str()).collect();
            let words = format!("the key's scopes are {}", scopes.join(", "));
            Problem::new(Code::NotAllowed).detail(words)
        }
    }
}

/// The caller may write and change this employer's postings.
pub(crate) fn require_editor(conn: &mut DbConn, caller: &Caller, employer_id: Id) -> Result<(), Problem> {
    if standing(conn, caller, employer_id)?.can_edit() {
        Ok(())
    } else {
        Err(refuse(caller))
    }
}

/// The caller may import for this employer, and name boards that are imported from.
pub(crate) fn require_importer(conn: &mut DbConn, caller: &Caller, employer_id: Id) -> Result<(), Problem> {
    if standing(conn, caller, employer_id)?.can_import() {
        Ok(())
    } else {
        Err(refuse(caller))
    }
}

/// The caller may see what is imported for this employer.
pub(crate) fn require_import_reader(
    conn: &mut DbConn,
    caller: &Caller,
    employer_id: Id,
) -> Result<(), Problem> {
    let standing = standing(conn, caller, employer_id)?;
    if standing.is_insider() || standing.can_import() {
        Ok(())
    } else {
        Err(refuse(caller))
    }
}

/// The caller runs this installation.
pub(crate) fn require_operator(caller: &Caller) -> Result<(), Problem> {
    if caller.is_operator() {
        Ok(())
    } else {
        Err(refuse(caller))
    }
}

/// The caller belongs to this employer.
pub(crate) fn require_member(conn: &mut DbConn, caller: &Caller, employer_id: Id) -> Result<(), Problem> {
    if standing(conn, caller, employer_id)?.is_insider() {
        Ok(())
    } else {
        Err(refuse(caller))
    }
}

/// The caller is a person who may change this employer, its members and keys.
pub(crate) fn require_manager(conn: &mut DbConn, caller: &Caller, employer_id: Id) -> Result<(), Problem> {
    caller.user()?;
    if standing(conn, caller, employer_id)?.can_manage() {
        Ok(())
    } else {
        Err(refuse(caller))
    }
}

/// The caller may see this posting; somebody else's draft does not exist for them.
pub(crate) fn require_visible(conn: &mut DbConn, caller: &Caller, posting: &Posting) -> Result<(), Problem> {
    let is_public = posting.row.status.is_public() && posting.row.first_revision.is_some();
    if is_public || standing(conn, caller, posting.row.employer_id)?.is_insider() {
        return Ok(());
    }
    Err(Problem::new(Code::PostingNotFound))
}

/// The caller may change this posting. Who may not even see it is told that it does not exist.
pub(crate) fn require_posting_editor(conn: &mut DbConn, caller: &Caller, id: Id) -> Result<Posting, Problem> {
    if matches!(caller, Caller::Anonymous) {
        return Err(Problem::new(Code::CredentialsMissing));
    }
    let posting = postings::find::find(conn, id)?.ok_or_else(|| Problem::new(Code::PostingNotFound))?;
    require_visible(conn, caller, &posting)?;
    require_editor(conn, caller, posting.row.employer_id)?;
    Ok(posting)
}
