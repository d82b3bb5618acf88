//! Employers, their members, invitations and API keys.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use accounts::{
    EmployerChange, EmployerError, EmployerStatus, ErasureError, InvitationError, KeyRequest, MemberError,
    NewEmployer, NewInvitation, Quotas, Role, Scope, User,
};
use jiff::SignedDuration;
use support::{Board, address};

store::on_both! {
    fn who_makes_an_employer_owns_it_and_it_is_found_by_id_and_slug(db) {
        let board = Board::new(db);
        let ada = board.user("ada");
        let acme = board.employer(&ada, "Acme Compute, Inc.");
        assert_eq!(acme.slug, "acme-compute-inc");
        assert_eq!(board.read(|c| accounts::role_of(c, acme.id, ada.id)), Some(Role::Owner));
        for key in [acme.id.to_string(), acme.slug.clone()] {
            assert_eq!(board.read(|c| accounts::find_employer(c, &key)), Some(acme.clone()));
        }
        assert_eq!(board.read(|c| accounts::find_employer(c, "nobody")), None);
        assert_eq!(board.read(|c| accounts::find_employers(c, &[acme.id])), std::slice::from_ref(&acme));
        assert_eq!(board.read(|c| accounts::list_memberships(c, ada.id)), [(acme, Role::Owner)]);
    }

    fn every_employer_has_a_slug_of_its_own(db) {
        let board = Board::new(db);
        let ada = board.user("ada");
        let mut slugs: Vec<String> = (0..12).map(|_| board.employer(&ada, "Acme").slug).collect();
        assert_eq!(&slugs[..3], ["acme", "acme-2", "acme-3"]);
        slugs.sort();
        slugs.dedup();
        assert_eq!(slugs.len(), 12);
        assert_eq!(board.employer(&ada, "株式会社").slug, slug_of("株式会社"));
        assert_eq!(board.employer(&ada, "!!!").slug, "employer");
        let like_an_id = board.employer(&ada, "01a207a2-3280-7f33-bf9f-da91d09ca6db");
        assert!(like_an_id.slug.parse::<store::Id>().is_err());
    }

    fn what_an_employer_says_about_itself_is_checked(db) {
        let board = Board::new(db);
        let create = |new: NewEmployer| {
            let now = board.now();
            db.write_blocking(|tx| accounts::create_employer(tx, None, &new, &board.random, now))
        };
        let acme = || NewEmployer { name: "Acme".to_owned(), ..NewEmployer::default() };
        for name in ["", "A\r\nB\0", &"x".repeat(121)] {
            assert!(matches!(create(NewEmployer { name: name.to_owned(), ..acme() }), Err(EmployerError::Name)));
        }
        for website in ["javascript:alert(1)", "acme", "ftp://acme.example", "https://user:pw@acme.example", "http://localhost"] {
            let outcome = create(NewEmployer { website: Some(website.to_owned()), ..acme() });
            assert!(matches!(outcome, Err(EmployerError::Website)), "{website}");
        }
        let long = NewEmployer { description_html: "x".repeat(50_001), ..acme() };
        assert!(matches!(create(long), Err(EmployerError::Description)));
        let place = NewEmployer { headquarters: Some("x".repeat(121)), ..acme() };
        assert!(matches!(create(place), Err(EmployerError::Headquarters)));
        let made = create(NewEmployer { website: Some(" https://acme.example ".to_owned()), ..acme() }).unwrap();
        assert_eq!(made.website.as_deref(), Some("https://acme.example/"));
    }

    fn an_employer_is_changed_from_the_version_that_was_seen(db) {
        let board = Board::new(db);
        let acme = board.employer(&board.user("ada"), "Acme");
        let now = board.now();
        let change = EmployerChange {
            name: Some("Acme Compute".to_owned()),
            website: Some(Some("https://acme.example/".to_owned())),
            ..EmployerChange::default()
        };
        let update = |version| db.write_blocking(|tx| accounts::update_employer(tx, acme.id, &change, version, now));
        let changed = update(Some(1)).unwrap();
        assert_eq!((changed.version, changed.slug.as_str(), changed.name.as_str()), (2, "acme", "Acme Compute"));
        assert!(matches!(update(Some(1)), Err(EmployerError::VersionConflict)));
        let clear = EmployerChange { website: Some(None), ..EmployerChange::default() };
        let cleared = board.write(|tx| accounts::update_employer(tx, acme.id, &clear, None, now));
        assert_eq!((cleared.website, cleared.version), (None, 3));
        let nobody = db.write_blocking(|tx| accounts::update_employer(tx, board.random.id(now), &clear, None, now));
        assert!(matches!(nobody, Err(EmployerError::NotFound)));
    }

    fn a_paused_employer_is_not_listed_and_pages_follow_each_other(db) {
        let board = Board::new(db);
        let ada = board.user("ada");
        let mut ids: Vec<_> = (0..5).map(|n| board.employer(&ada, &format!("E{n}")).id).collect();
        let now = board.now();
        let paused = board.write(|tx| accounts::set_employer_status(tx, ids[1], EmployerStatus::Paused, Some(1), now));
        assert_eq!((paused.status, paused.version), (EmployerStatus::Paused, 2));
        ids.remove(1);
        ids.sort();
        let first = board.read(|c| accounts::list_employers(c, None, 3));
        let rest = board.read(|c| accounts::list_employers(c, first.next, 3));
        let listed: Vec<_> = first.data.iter().chain(&rest.data).map(|employer| employer.id).collect();
        assert_eq!((listed, first.next, rest.next), (ids.clone(), Some(ids[2]), None));
    }

    fn the_last_owner_cannot_go_nor_be_made_less(db) {
        let board = Board::new(db);
        let (ada, bob) = (board.user("ada"), board.user("bob"));
        let acme = board.employer(&ada, "Acme");
        let now = board.now();
        let remove = |user: &User| db.write_blocking(|tx| accounts::remove_member(tx, acme.id, user.id));
        let change = |user: &User, role| db.write_blocking(|tx| accounts::change_role(tx, acme.id, user.id, role));
        assert!(matches!(remove(&ada), Err(MemberError::LastOwner)));
        assert!(matches!(change(&ada, Role::Viewer), Err(MemberError::LastOwner)));
        assert!(matches!(remove(&bob), Err(MemberError::NotFound)));
        board.write(|tx| accounts::add_member(tx, acme.id, bob.id, Role::Recruiter, now));
        let again = db.write_blocking(|tx| accounts::add_member(tx, acme.id, bob.id, Role::Viewer, now));
        assert!(matches!(again, Err(MemberError::AlreadyMember)));
        assert!(matches!(remove(&ada), Err(MemberError::LastOwner)), "a recruiter is no owner");
        change(&bob, Role::Owner).unwrap();
        remove(&ada).unwrap();
        let members = board.read(|c| accounts::list_members(c, acme.id));
        assert_eq!(members.iter().map(|m| (m.user_id, m.role)).collect::<Vec<_>>(), [(bob.id, Role::Owner)]);
        assert_eq!(acme.version, board.read(|c| accounts::find_employer(c, &acme.slug)).unwrap().version);
    }

    fn of_two_owners_who_leave_at_once_one_stays(db) {
        let board = Board::new(db);
        let (ada, bob) = (board.user("ada"), board.user("bob"));
        let acme = board.employer(&ada, "Acme");
        let now = board.now();
        board.write(|tx| accounts::add_member(tx, acme.id, bob.id, Role::Owner, now));
        let gone = std::thread::scope(|scope| {
            let turns: Vec<_> = [ada.id, bob.id].map(|user| scope.spawn(move || {
                db.write_blocking(|tx| accounts::remove_member(tx, acme.id, user)).is_ok()
            })).into_iter().collect();
            turns.into_iter().map(|turn| turn.join().unwrap()).filter(|gone| *gone).count()
        });
        assert_eq!((gone, board.read(|c| accounts::list_members(c, acme.id)).len()), (1, 1));
    }

    fn an_invitation_is_accepted_once_by_the_invited_address(db) {
        let board = Board::new(db);
        let (ada, bob, eve) = (board.user("ada"), board.user("bob"), board.user("eve"));
        let acme = board.employer(&ada, "Acme");
        let now = board.now();
        let new = NewInvitation { email: address("bob"), role: Role::Recruiter };
        let invite = || {
            let now = board.now();
            db.write_blocking(|tx| accounts::invite(tx, &acme, &new, &ada, board.letters(), now))
        };
        invite().unwrap();
        assert!(matches!(invite(), Err(InvitationError::TooMany)), "one a minute");
        let old_token = board.newest_token("bob");
        board.advance(SignedDuration::from_secs(61));
        invite().unwrap();
        let token = board.newest_token("bob");
        assert_eq!(board.read(|c| accounts::list_invitations(c, acme.id, now)).len(), 1, "the newer replaces the older");
        let accept = |token: &str, user: &User| db.write_blocking(|tx| accounts::accept_invitation(tx, token, user, now));
        assert!(matches!(accept(&old_token, &bob), Err(InvitationError::Token)));
        assert!(matches!(accept(&token, &eve), Err(InvitationError::WrongAddress)));
        let unverified = User { verified_at: None, ..bob.clone() };
        assert!(matches!(accept(&token, &unverified), Err(InvitationError::WrongAddress)));
        let (employer, role) = accept(&token, &bob).unwrap();
        assert_eq!((employer.id, role), (acme.id, Role::Recruiter));
        assert!(matches!(accept(&token, &bob), Err(InvitationError::Token)), "once");
        assert!(matches!(invite(), Err(InvitationError::AlreadyMember)));
        assert_eq!(board.read(|c| accounts::require_role(c, acme.id, bob.id)), Role::Recruiter);
    }

    fn an_invitation_ends_after_a_week_or_when_it_is_withdrawn(db) {
        let board = Board::new(db);
        let (ada, bob) = (board.user("ada"), board.user("bob"));
        let acme = board.employer(&ada, "Acme");
        let now = board.now();
        let new = NewInvitation { email: address("bob"), role: Role::Viewer };
        let invitation = board.write(|tx| accounts::invite(tx, &acme, &new, &ada, board.letters(), now));
        let token = board.newest_token("bob");
        let week_later = now.plus(SignedDuration::from_hours(7 * 24));
        let late = db.write_blocking(|tx| accounts::accept_invitation(tx, &token, &bob, week_later));
        assert!(matches!(late, Err(InvitationError::Token)));
        assert!(board.read(|c| accounts::list_invitations(c, acme.id, week_later)).is_empty());
        let other = board.employer(&ada, "Other");
        assert!(!board.write(|tx| accounts::revoke_invitation(tx, other.id, invitation.id)));
        assert!(board.write(|tx| accounts::revoke_invitation(tx, acme.id, invitation.id)));
        let withdrawn = db.write_blocking(|tx| accounts::accept_invitation(tx, &token, &bob, now));
        assert!(matches!(withdrawn, Err(InvitationError::Token)));
    }

    fn an_api_key_works_until_it_is_revoked_and_its_secret_is_shown_once(db) {
        let board = Board::new(db);
        let acme = board.employer(&board.user("ada"), "Acme");
        let other = board.employer(&board.user("eve"), "Other");
        let now = board.now();
        let request = KeyRequest { name: "ATS\r\n".to_owned(), scopes: Scope::ALL.to_vec(), expires_at: None };
        let made = board.write(|tx| accounts::create_api_key(tx, acme.id, &request, Quotas::default(), &board.random, now));
        assert_eq!(made.key.name, "ATS");
        assert!(made.secret.starts_with("bp_") && made.secret.len() == 46);
        assert!(made.secret.starts_with(&made.key.hint) && made.key.hint.len() == 9);
        assert!(!format!("{made:?}").contains(&made.secret));
        let find = |secret: &str| board.read(|c| accounts::find_api_key(c, secret, now));
        assert_eq!(find(&made.secret), Some(made.key.clone()));
        assert_eq!((find("bp_"), find(&made.secret[3..]), find("")), (None, None, None));
        assert!(made.key.is_use_unnoted(now));
        board.write(|tx| accounts::touch_api_key(tx, made.key.id, now));
        let used = find(&made.secret).unwrap();
        assert!(!used.is_use_unnoted(now) && used.is_use_unnoted(now.plus(SignedDuration::from_mins(1))));
        assert!(!board.write(|tx| accounts::revoke_api_key(tx, other.id, made.key.id, now)));
        assert!(board.write(|tx| accounts::revoke_api_key(tx, acme.id, made.key.id, now)));
        assert!(!board.write(|tx| accounts::revoke_api_key(tx, acme.id, made.key.id, now)));
        assert_eq!(find(&made.secret), None);
        assert_eq!(board.read(|c| accounts::list_api_keys(c, acme.id))[0].revoked_at, Some(now));
    }

    fn the_only_owner_of_an_active_employer_hands_it_over_or_pauses_it_before_leaving(db) {
        let board = Board::new(db);
        let (ada, bob) = (board.user("ada"), board.user("bob"));
        let acme = board.employer(&ada, "Acme");
        let now = board.now();
        let erase = |user: &User| db.write_blocking(|tx| accounts::delete_user(tx, user.id));
        assert!(matches!(erase(&ada), Err(ErasureError::LastOwner { employer_id }) if employer_id == acme.id));
        board.write(|tx| accounts::add_member(tx, acme.id, bob.id, Role::Owner, now));
        erase(&ada).unwrap();
        board.write(|tx| accounts::set_employer_status(tx, acme.id, EmployerStatus::Paused, None, now));
        erase(&bob).unwrap();
        assert!(board.read(|c| accounts::list_members(c, acme.id)).is_empty());
        assert!(board.read(|c| accounts::find_employer(c, &acme.slug)).is_some(), "the employer stays");
    }
}

fn slug_of(name: &str) -> String {
    slug::slugify(name)
}

#[test]
fn a_role_says_what_its_holder_may_do() {
    let may: Vec<_> = Role::ALL
        .iter()
        .map(|role| (role.can_edit_postings(), role.can_manage_members()))
        .collect();
    assert_eq!(may, [(true, true), (true, false), (false, false)]);
}
