//! Tickets, comments, invoices, and what they keep from being removed.

use provisioning::ids::AccountId;
use provisioning::psa::Kind;
use store::invoices::{self, Amount, Currency, Invoice, InvoiceFilter, InvoiceStatus};
use store::psa_ids::{CommentId, InvoiceId, TicketId};
use store::references::{self, ReferenceKind};
use store::ticket_comments::{self, TicketComment};
use store::tickets::{self, Assignee, Priority, Ticket, TicketFilter, TicketStatus};
use store::{Db, StoreError, accounts, records};
use uuid::Uuid;

use crate::catalogue::{account, write};
use crate::samples::{record, record_id, time};
use crate::support::both;

const ALPHA: AccountId = AccountId(Uuid::from_u128(1));

fn ticket(n: u128, title: &str) -> Ticket {
    Ticket {
        id: TicketId(Uuid::from_u128(n)),
        number: 0,
        title: title.to_owned(),
        description: "At length".to_owned(),
        status: TicketStatus::Open,
        priority: Priority::Normal,
        account_id: Some(ALPHA),
        contact_id: Some(record_id(5)),
        assignee_id: None,
        version: 1,
        created_at: time(0),
        updated_at: time(0),
        closed_at: None,
    }
}

fn invoice(n: u128, number: &str) -> Invoice {
    Invoice {
        id: InvoiceId(Uuid::from_u128(n)),
        number: number.to_owned(),
        account_id: ALPHA,
        contact_id: Some(record_id(5)),
        amount: Amount::parse("1200.50").unwrap(),
        currency: Currency::parse("eur").unwrap(),
        status: InvoiceStatus::Draft,
        issued_on: "2026-11-25".parse().unwrap(),
        version: 1,
        created_at: time(0),
        updated_at: time(0),
    }
}

/// An account, a contact (5) of it and an employee (6).
async fn ground(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    accounts::insert(&mut tx, &account(1, "Alpha"))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut contact = record(5, Kind::Contact);
    contact.account_id = Some(ALPHA);
    write(db, vec![contact, record(6, Kind::Employee)]).await;
}

async fn numbers(db: &Db, filter: &TicketFilter, limit: i64) -> Vec<Vec<i64>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = tickets::list(db, filter, after.as_ref(), limit)
            .await
            .unwrap();
        pages.push(page.items.into_iter().map(|ticket| ticket.number).collect());
        match page.next {
            Some(next) => after = Some(next),
            None => return pages,
        }
    }
}

async fn invoice_numbers(db: &Db, filter: &InvoiceFilter, limit: i64) -> Vec<Vec<String>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = invoices::list(db, filter, after.as_ref(), limit)
            .await
            .unwrap();
        pages.push(
            page.items
                .into_iter()
                .map(|invoice| invoice.number)
                .collect(),
        );
        match page.next {
            Some(next) => after = Some(next),
            None => return pages,
        }
    }
}

both! {
    tickets_are_numbered_and_listed_newest_first(db) {
        ground(&db).await;
        let mut tx = db.begin().await.unwrap();
        let mut second = ticket(2, "Printer ON fire, 100%");
        second.assignee_id = Some(record_id(6));
        second.priority = Priority::High;
        let mut third = ticket(3, "Password");
        third.status = TicketStatus::Closed;
        (third.account_id, third.contact_id) = (None, None);
        for (ticket, number) in [(&ticket(1, "Printer"), 1), (&second, 2), (&third, 3)] {
            assert_eq!(tickets::insert(&mut tx, ticket).await.unwrap(), number);
        }
        tx.commit().await.unwrap();
        let all = TicketFilter::default();
        assert_eq!(numbers(&db, &all, 2).await, [vec![3, 2], vec![1]]);
        let search = |text: &str| TicketFilter { search: Some(text.into()), ..all.clone() };
        for (filter, expected) in [
            (TicketFilter { status: Some(TicketStatus::Closed), ..all.clone() }, vec![3]),
            (TicketFilter { priority: Some(Priority::High), ..all.clone() }, vec![2]),
            (TicketFilter { account_id: Some(ALPHA), ..all.clone() }, vec![2, 1]),
            (TicketFilter { contact_id: Some(record_id(5)), ..all.clone() }, vec![2, 1]),
            (TicketFilter { assignee: Some(Assignee::Employee(record_id(6))), ..all.clone() }, vec![2]),
            (TicketFilter { assignee: Some(Assignee::Nobody), ..all.clone() }, vec![3, 1]),
            (search("#3"), vec![3]),
            (search("2"), vec![2]),
            (search("FIRE print"), vec![2]),
            (search("0%"), vec![2]),
            (search("_"), vec![]),
        ] {
            assert_eq!(numbers(&db, &filter, 9).await.concat(), expected, "{filter:?}");
        }
        let found = tickets::get(&db, second.id).await.unwrap();
        assert_eq!(found, Some(Ticket { number: 2, ..second }));
        let found = tickets::get(&db, third.id).await.unwrap().unwrap();
        assert_eq!(found.closed_at, Some(time(0)));
    }

    a_ticket_keeps_when_it_was_closed_until_it_is_opened_again(db) {
        ground(&db).await;
        let mut tx = db.begin().await.unwrap();
        let mut one = ticket(1, "Printer");
        tickets::insert(&mut tx, &one).await.unwrap();
        for (version, status, closed_at) in [
            (1, TicketStatus::Closed, Some(time(11))),
            (2, TicketStatus::Closed, Some(time(11))),
            (3, TicketStatus::Open, None),
        ] {
            one.status = status;
            let now = time(10 + version);
            let next = tickets::update(&mut tx, &one, version, now).await.unwrap();
            assert_eq!(next, version + 1);
            let found = tickets::get(&mut tx, one.id).await.unwrap().unwrap();
            assert_eq!((found.status, found.closed_at), (status, closed_at));
            assert_eq!((found.version, found.updated_at), (next, now));
        }
        let stale = tickets::update(&mut tx, &one, 1, time(20)).await;
        assert!(matches!(stale, Err(StoreError::Stale { what: "ticket" })));
        let missing = tickets::delete(&mut tx, ticket(9, "").id, 1).await;
        assert!(matches!(missing, Err(StoreError::NotFound { what: "ticket" })));
    }

    a_ticket_for_nobody_known_is_refused(db) {
        ground(&db).await;
        let mut tx = db.begin().await.unwrap();
        let mut one = ticket(1, "Printer");
        one.contact_id = Some(record_id(99));
        let refused = tickets::insert(&mut tx, &one).await.unwrap_err();
        assert!(refused.is_conflict("foreign_key"));
    }

    comments_are_read_in_order_and_go_with_their_ticket(db) {
        ground(&db).await;
        let mut tx = db.begin().await.unwrap();
        tickets::insert(&mut tx, &ticket(1, "Printer")).await.unwrap();
        let comment = |n: u128, is_internal| TicketComment {
            id: CommentId(Uuid::from_u128(n)),
            ticket_id: ticket(1, "").id,
            author_id: Some(record_id(6)),
            author_name: "Åsa".into(),
            body: format!("Comment {n}"),
            is_internal,
            created_at: time(10 + i64::try_from(n / 2).unwrap()),
        };
        for comment in [comment(3, false), comment(2, true), comment(1, false)] {
            ticket_comments::add(&mut tx, &comment).await.unwrap();
        }
        let orphan = TicketComment { ticket_id: ticket(9, "").id, ..comment(4, false) };
        let refused = ticket_comments::add(&mut tx, &orphan).await;
        assert!(matches!(refused, Err(StoreError::NotFound { what: "ticket" })));
        let id = ticket(1, "").id;
        let first = ticket_comments::list(&mut tx, id, true, None, 2).await.unwrap();
        assert_eq!(first.items, [comment(1, false), comment(2, true)]);
        let after = first.next.as_ref();
        let second = ticket_comments::list(&mut tx, id, true, after, 2).await.unwrap();
        assert_eq!((second.items, second.next), (vec![comment(3, false)], None));
        let public = ticket_comments::list(&mut tx, id, false, None, 9).await.unwrap();
        assert_eq!(public.items, [comment(1, false), comment(3, false)]);
        let touched = tickets::get(&mut tx, id).await.unwrap().unwrap();
        assert_eq!((touched.version, touched.updated_at), (1, time(10)));
        tickets::delete(&mut tx, id, 1).await.unwrap();
        let gone = ticket_comments::list(&mut tx, id, true, None, 9).await.unwrap();
        assert_eq!(gone.items, []);
    }

    invoices_are_listed_latest_first(db) {
        ground(&db).await;
        let mut tx = db.begin().await.unwrap();
        let mut old = invoice(1, "INV-7");
        old.issued_on = "2025-01-31".parse().unwrap();
        old.status = InvoiceStatus::Paid;
        let other = Invoice { contact_id: None, ..invoice(3, "B-1") };
        for invoice in [&old, &invoice(2, "inv-8"), &other] {
            invoices::insert(&mut tx, invoice).await.unwrap();
        }
        let twice = invoices::insert(&mut tx, &invoice(4, "Inv-7")).await.unwrap_err();
        assert!(twice.is_conflict("invoices_number_key"));
        tx.commit().await.unwrap();
        let all = InvoiceFilter::default();
        let pages = invoice_numbers(&db, &all, 2).await;
        assert_eq!(pages, [vec!["B-1", "inv-8"], vec!["INV-7"]]);
        for (filter, expected) in [
            (InvoiceFilter { status: Some(InvoiceStatus::Paid), ..all.clone() }, vec!["INV-7"]),
            (InvoiceFilter { account_id: Some(ALPHA), ..all.clone() }, vec!["B-1", "inv-8", "INV-7"]),
            (InvoiceFilter { contact_id: Some(record_id(5)), ..all.clone() }, vec!["inv-8", "INV-7"]),
            (InvoiceFilter { search: Some("INV".into()), ..all.clone() }, vec!["inv-8", "INV-7"]),
            (InvoiceFilter { search: Some("7".into()), ..all.clone() }, vec![]),
        ] {
            let pages = invoice_numbers(&db, &filter, 9).await;
            assert_eq!(pages.concat(), expected, "{filter:?}");
        }
        assert_eq!(invoices::get(&db, old.id).await.unwrap(), Some(old));
    }

    of_two_writers_of_an_invoice_the_second_is_told(db) {
        ground(&db).await;
        let mut tx = db.begin().await.unwrap();
        let mut one = invoice(1, "INV-7");
        invoices::insert(&mut tx, &one).await.unwrap();
        one.status = InvoiceStatus::Sent;
        assert_eq!(invoices::update(&mut tx, &one, 1, time(3)).await.unwrap(), 2);
        let stale = invoices::update(&mut tx, &one, 1, time(4)).await;
        assert!(matches!(stale, Err(StoreError::Stale { what: "invoice" })));
        let found = invoices::get(&mut tx, one.id).await.unwrap();
        assert_eq!(found, Some(Invoice { version: 2, updated_at: time(3), ..one.clone() }));
        invoices::delete(&mut tx, one.id, 2).await.unwrap();
        let gone = invoices::delete(&mut tx, one.id, 2).await;
        assert!(matches!(gone, Err(StoreError::NotFound { what: "invoice" })));
    }

    a_record_with_tickets_or_invoices_stays(db) {
        ground(&db).await;
        let mut tx = db.begin().await.unwrap();
        assert!(!references::any_of_record(&mut tx, record_id(5)).await.unwrap());
        for n in 1..=3 {
            let mut ticket = ticket(n, "Printer");
            ticket.assignee_id = Some(record_id(if n == 1 { 5 } else { 6 }));
            tickets::insert(&mut tx, &ticket).await.unwrap();
        }
        invoices::insert(&mut tx, &invoice(1, "INV-7")).await.unwrap();
        tx.commit().await.unwrap();
        let of = async |id, limit| {
            let found = references::of_record(&db, record_id(id), limit).await.unwrap();
            found.into_iter().map(|found| (found.kind, found.label)).collect::<Vec<_>>()
        };
        let ticket = |n: i64| (ReferenceKind::Ticket, format!("#{n} Printer"));
        let invoice = (ReferenceKind::Invoice, "INV-7".to_owned());
        assert_eq!(of(5, 9).await, [ticket(3), ticket(2), ticket(1), invoice.clone()]);
        assert_eq!(of(5, 1).await, [ticket(3), invoice]);
        assert_eq!(of(6, 9).await, [ticket(3), ticket(2)]);
        assert!(references::any_of_record(&db, record_id(6)).await.unwrap());
        let kinds = accounts::references(&db, ALPHA, 1).await.unwrap();
        let kinds: Vec<_> = kinds.iter().map(|found| found.kind.name()).collect();
        assert_eq!(kinds, ["contact", "ticket", "invoice"]);
        let mut tx = db.begin().await.unwrap();
        let refused = records::delete(&mut tx, record_id(5)).await.unwrap_err();
        assert!(refused.is_conflict("foreign_key"));
    }
}
