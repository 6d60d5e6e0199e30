-- Core tables. Ids are BLOBs of 16 bytes, times INTEGER microseconds since 1970, flags INTEGER 0 or 1.

-- Accounts (companies in CRM) and security roles (rights). Records refer to both.
CREATE TABLE accounts (
    id          BLOB NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL,
    is_active   INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX accounts_by_name ON accounts (name_key, id);

CREATE TABLE security_roles (
    name        TEXT NOT NULL PRIMARY KEY,
    role_type   TEXT NOT NULL CHECK (role_type IN ('internal', 'external')),
    is_system   INTEGER NOT NULL,
    is_active   INTEGER NOT NULL,
    description TEXT NOT NULL,
    rights      TEXT NOT NULL,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
INSERT INTO security_roles (name, role_type, is_system, is_active, description, rights, version, created_at) VALUES
    ('Administrator', 'internal', TRUE, TRUE, 'Everything, settings and provisioning included', '{}', 1, 0),
    ('Project Manager', 'internal', TRUE, TRUE, 'Projects and the people who work on them', '{}', 1, 0),
    ('CRM Manager', 'internal', TRUE, TRUE, 'Accounts and contacts', '{}', 1, 0),
    ('Finance Manager', 'internal', TRUE, TRUE, 'Invoices and contracts', '{}', 1, 0),
    ('Service Desk Manager', 'internal', TRUE, TRUE, 'Tickets and the people who work on them', '{}', 1, 0),
    ('User', 'internal', TRUE, TRUE, 'The own profile and the own tickets', '{}', 1, 0),
    ('External User', 'external', TRUE, TRUE, 'Client portal: the own profile, messages and tickets', '{}', 1, 0),
    ('External Manager', 'external', TRUE, TRUE, 'Client portal: all tickets, contracts and invoices of the account', '{}', 1, 0);

-- Employees and contacts. The _key columns hold the comparable form of the column before them.
CREATE TABLE records (
    id                  BLOB NOT NULL PRIMARY KEY,
    kind                TEXT NOT NULL CHECK (kind IN ('employee', 'contact')),
    version             INTEGER NOT NULL,
    is_root             INTEGER NOT NULL,
    pinned              INTEGER NOT NULL,
    pin_reason          TEXT,
    first_name          TEXT,
    first_name_key      TEXT NOT NULL,
    last_name           TEXT,
    last_name_key       TEXT NOT NULL,
    username            TEXT,
    username_key        TEXT,
    email               TEXT,
    email_key           TEXT,
    email_type          TEXT NOT NULL DEFAULT 'Business',
    other_emails        TEXT NOT NULL DEFAULT '[]',
    phone               TEXT,
    phone_type          TEXT NOT NULL DEFAULT 'Business',
    other_phones        TEXT NOT NULL DEFAULT '[]',
    mobile_phone        TEXT,
    job_title           TEXT,
    department          TEXT,
    location            TEXT,
    manager_id          BLOB,
    employment_type     TEXT,
    employee_id         TEXT,
    employee_roles      TEXT NOT NULL,
    security_roles      TEXT NOT NULL,
    account_id          BLOB REFERENCES accounts (id),
    status              TEXT NOT NULL CHECK (status IN ('active', 'inactive', 'archived')),
    access              INTEGER NOT NULL,
    access_reason       TEXT,
    deactivated_by_sync INTEGER NOT NULL,
    original_username   TEXT,
    original_email      TEXT,
    is_poc              INTEGER NOT NULL DEFAULT FALSE,
    receive_invoices    INTEGER NOT NULL DEFAULT FALSE,
    password_hash       TEXT,
    last_sign_in_at     INTEGER,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX records_username_key ON records (username_key) WHERE username_key IS NOT NULL;
CREATE INDEX records_by_email ON records (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX records_by_name ON records (kind, last_name_key, first_name_key, id);
CREATE INDEX records_by_account ON records (account_id, id) WHERE account_id IS NOT NULL;
-- Who can administrate: few rows, asked for in every plan.
CREATE INDEX records_administrators ON records (kind, status, access)
    WHERE security_roles LIKE '%"Administrator"%';

-- One tenant with its credentials and settings.
CREATE TABLE connections (
    id                   BLOB NOT NULL PRIMARY KEY,
    tenant_input         TEXT NOT NULL,
    tenant_id            BLOB,
    tenant_domain        TEXT,
    tenant_name          TEXT,
    verified_domains     TEXT NOT NULL,
    application_id       TEXT NOT NULL,
    auth                 TEXT NOT NULL CHECK (auth IN ('delegated', 'application')),
    credential           TEXT NOT NULL CHECK (credential IN ('secret', 'certificate')),
    certificate_pem      TEXT,
    provision_employees  INTEGER NOT NULL,
    provision_contacts   INTEGER NOT NULL,
    email_source         TEXT NOT NULL,
    on_disabled          TEXT NOT NULL,
    auto_approve         INTEGER NOT NULL,
    limits               TEXT,
    settings             TEXT NOT NULL,
    status               TEXT NOT NULL,
    status_code          TEXT,
    status_reason        TEXT,
    status_cure          TEXT,
    as_of                INTEGER,
    changed_at_microsoft INTEGER,
    delay_microsoft_ms   INTEGER,
    delay_ours_ms        INTEGER,
    last_success_at      INTEGER,
    last_run_id          BLOB,
    last_reconcile_at    INTEGER,
    first_sync_done      INTEGER NOT NULL,
    secret_expires_at    INTEGER,
    consented_at         INTEGER,
    consented_by         TEXT,
    connected_object_id  BLOB,
    version              INTEGER NOT NULL,
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX connections_tenant_id ON connections (tenant_id) WHERE tenant_id IS NOT NULL;

-- Envelope encryption: the master key wraps data keys, data keys seal secrets.
CREATE TABLE data_keys (
    id            BLOB NOT NULL PRIMARY KEY,
    connection_id BLOB,
    key_id        TEXT NOT NULL,
    wrapped       BLOB NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX data_keys_by_connection ON data_keys (connection_id);

CREATE TABLE secrets (
    owner_id    BLOB NOT NULL,
    purpose     TEXT NOT NULL,
    data_key_id BLOB NOT NULL REFERENCES data_keys (id),
    nonce       BLOB NOT NULL,
    ciphertext  BLOB NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (owner_id, purpose)
) STRICT;
CREATE INDEX secrets_by_data_key ON secrets (data_key_id);

CREATE TABLE oauth_states (
    state_hash    BLOB NOT NULL PRIMARY KEY,
    connection_id BLOB REFERENCES connections (id) ON DELETE CASCADE,
    purpose       TEXT NOT NULL,
    binding_hash  BLOB NOT NULL,
    payload       BLOB NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX oauth_states_by_connection ON oauth_states (connection_id);

CREATE TABLE subscriptions (
    id                BLOB NOT NULL PRIMARY KEY,
    connection_id     BLOB NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    resource          TEXT NOT NULL,
    client_state_hash BLOB NOT NULL,
    notification_url  TEXT NOT NULL,
    expires_at        INTEGER NOT NULL,
    renew_at          INTEGER NOT NULL,
    created_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX subscriptions_by_connection ON subscriptions (connection_id);
CREATE INDEX subscriptions_due ON subscriptions (renew_at, id);

-- How far each change feed has been read.
CREATE TABLE cursors (
    connection_id BLOB NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    feed          TEXT NOT NULL CHECK (feed IN ('users', 'groups')),
    link          TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('next', 'delta')),
    previous_link TEXT,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (connection_id, feed)
) STRICT;

CREATE TABLE directory_groups (
    connection_id     BLOB NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    group_id          BLOB NOT NULL,
    name              TEXT,
    created_at        INTEGER,
    readable          INTEGER NOT NULL,
    unreadable_reason TEXT,
    members           INTEGER NOT NULL,
    is_mapped         INTEGER NOT NULL,
    suspicious_since  INTEGER,
    read_at           INTEGER,
    PRIMARY KEY (connection_id, group_id)
) STRICT;

-- Direct members of tracked groups. No foreign keys here and below: these
-- tables have millions of rows, and their owner removes them in full.
CREATE TABLE memberships (
    connection_id BLOB NOT NULL,
    group_id      BLOB NOT NULL,
    member_id     BLOB NOT NULL,
    is_group      INTEGER NOT NULL,
    PRIMARY KEY (connection_id, group_id, member_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_by_member ON memberships (connection_id, member_id, group_id);
CREATE INDEX memberships_nested ON memberships (connection_id, is_group, group_id, member_id)
    WHERE is_group = TRUE;

-- The mirror: directory people as last read.
CREATE TABLE people (
    connection_id        BLOB NOT NULL,
    object_id            BLOB NOT NULL,
    version              INTEGER NOT NULL,
    fingerprint          BLOB NOT NULL,
    body                 TEXT NOT NULL,
    absence              TEXT,
    changed_at           INTEGER NOT NULL,
    microsoft_changed_at INTEGER,
    PRIMARY KEY (connection_id, object_id)
) STRICT;

-- People that must be planned.
CREATE TABLE pending (
    connection_id BLOB NOT NULL,
    object_id     BLOB NOT NULL,
    since         INTEGER NOT NULL,
    PRIMARY KEY (connection_id, object_id)
) STRICT, WITHOUT ROWID;

-- The bond between a directory person and a record.
CREATE TABLE links (
    tenant_id       BLOB NOT NULL,
    object_id       BLOB NOT NULL,
    connection_id   BLOB NOT NULL,
    role            TEXT NOT NULL CHECK (role IN ('primary', 'secondary')),
    record_id       BLOB NOT NULL,
    archived_id     BLOB,
    applied         TEXT NOT NULL,
    rule_id         BLOB,
    suppressed      TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    last_applied_at INTEGER,
    PRIMARY KEY (tenant_id, object_id)
) STRICT;
CREATE UNIQUE INDEX links_record_id ON links (record_id) WHERE role = 'primary';
CREATE INDEX links_secondary ON links (record_id) WHERE role = 'secondary';
CREATE INDEX links_archived ON links (archived_id) WHERE archived_id IS NOT NULL;
CREATE INDEX links_by_connection ON links (connection_id) WHERE role = 'primary';

CREATE TABLE mapping_rules (
    id               BLOB NOT NULL PRIMARY KEY,
    name             TEXT NOT NULL,
    rule_order       INTEGER NOT NULL,
    connection_id    BLOB NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    tenant_id        BLOB NOT NULL,
    scope            TEXT NOT NULL CHECK (scope IN ('group', 'assigned')),
    group_id         BLOB NOT NULL,
    group_name       TEXT,
    group_created_at INTEGER,
    group_readable   INTEGER NOT NULL,
    kind             TEXT NOT NULL CHECK (kind IN ('employee', 'contact')),
    account_id       BLOB REFERENCES accounts (id),
    security_roles   TEXT NOT NULL,
    roles_mode       TEXT NOT NULL,
    include_nested   INTEGER NOT NULL,
    members          TEXT NOT NULL,
    exclude          TEXT NOT NULL,
    licensed_only    INTEGER NOT NULL,
    enabled          INTEGER NOT NULL,
    pending_rule     TEXT,
    version          INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX mapping_rules_by_connection ON mapping_rules (connection_id, rule_order);
CREATE INDEX mapping_rules_by_account ON mapping_rules (account_id) WHERE account_id IS NOT NULL;

CREATE TABLE settings (
    key        TEXT NOT NULL PRIMARY KEY,
    value      TEXT NOT NULL,
    version    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Plans and what they decide for each person.
CREATE TABLE plans (
    id            BLOB NOT NULL PRIMARY KEY,
    connection_id BLOB,
    run_id        BLOB,
    kind          TEXT NOT NULL,
    status        TEXT NOT NULL,
    hash          TEXT,
    counts        TEXT NOT NULL,
    people        INTEGER NOT NULL,
    applied_seq   INTEGER NOT NULL,
    hold          TEXT,
    scope         TEXT,
    change        TEXT,
    created_at    INTEGER NOT NULL,
    decided_at    INTEGER,
    decided_by    TEXT
) STRICT;
CREATE INDEX plans_by_connection ON plans (connection_id, created_at, id);
CREATE INDEX plans_by_run ON plans (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX plans_by_time ON plans (created_at, id);

CREATE TABLE decisions (
    plan_id   BLOB NOT NULL,
    seq       INTEGER NOT NULL,
    tenant_id BLOB NOT NULL,
    object_id BLOB NOT NULL,
    record_id BLOB,
    headline  TEXT,
    name_key  TEXT NOT NULL,
    state     TEXT,
    body      TEXT NOT NULL,
    PRIMARY KEY (plan_id, seq)
) STRICT;
CREATE INDEX decisions_visible ON decisions (plan_id, seq) WHERE headline IS NOT NULL;
-- Creations are nearly everything in a first sync and found without an index of their own.
CREATE INDEX decisions_by_headline ON decisions (plan_id, headline, seq)
    WHERE headline IS NOT NULL AND headline <> 'create';

CREATE TABLE runs (
    id             BLOB NOT NULL PRIMARY KEY,
    connection_id  BLOB,
    plan_id        BLOB,
    mode           TEXT NOT NULL,
    cause          TEXT NOT NULL,
    status         TEXT NOT NULL,
    started_at     INTEGER NOT NULL,
    finished_at    INTEGER,
    asked          TEXT NOT NULL,
    progress       TEXT NOT NULL,
    counts         TEXT NOT NULL,
    requests       INTEGER NOT NULL,
    resource_units INTEGER NOT NULL,
    error          TEXT,
    hold           TEXT,
    undo_of        BLOB,
    actor          TEXT
) STRICT;
CREATE INDEX runs_by_time ON runs (started_at, id);
CREATE INDEX runs_by_connection ON runs (connection_id, started_at, id);
CREATE INDEX runs_by_undone ON runs (undo_of) WHERE undo_of IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (connection_id) WHERE finished_at IS NULL;

-- Every applied action, and everything else worth remembering. The body is
-- null where the decision of the plan holds it.
CREATE TABLE journal (
    seq           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at            INTEGER NOT NULL,
    origin        TEXT NOT NULL,
    actor         TEXT,
    connection_id BLOB,
    tenant_id     BLOB,
    object_id     BLOB,
    record_id     BLOB,
    run_id        BLOB,
    plan_id       BLOB,
    decision_seq  INTEGER,
    action        TEXT NOT NULL,
    body          TEXT
) STRICT;
CREATE INDEX journal_by_record ON journal (record_id, seq) WHERE record_id IS NOT NULL;
CREATE INDEX journal_by_run ON journal (run_id, seq) WHERE run_id IS NOT NULL;
CREATE INDEX journal_by_connection ON journal (connection_id, seq) WHERE connection_id IS NOT NULL;
CREATE INDEX journal_by_object ON journal (tenant_id, object_id, seq) WHERE record_id IS NULL;
-- What a first sync writes is left out: it is most of the journal.
CREATE INDEX journal_by_origin ON journal (origin, seq) WHERE origin <> 'directory';
CREATE INDEX journal_by_action ON journal (action, seq) WHERE action <> 'create';
CREATE INDEX journal_losses ON journal (connection_id, at) WHERE action IN ('archive', 'deactivate', 'revoke');

-- The chain of hashes over the journal, sealed block by block: seq is the last entry a seal covers.
CREATE TABLE journal_seals (
    seq       INTEGER NOT NULL PRIMARY KEY,
    entries   INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    sealed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE review_items (
    id            BLOB NOT NULL PRIMARY KEY,
    connection_id BLOB NOT NULL,
    tenant_id     BLOB NOT NULL,
    object_id     BLOB NOT NULL,
    kind          TEXT NOT NULL,
    reason        TEXT NOT NULL,
    fingerprint   TEXT NOT NULL,
    candidates    TEXT NOT NULL,
    person        TEXT NOT NULL,
    status        TEXT NOT NULL CHECK (status IN ('open', 'resolved')),
    answer        TEXT,
    resolved_by   TEXT,
    resolved_at   INTEGER,
    created_at    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX review_items_tenant_id_object_id ON review_items (tenant_id, object_id);
CREATE INDEX review_items_by_time ON review_items (created_at, id);
CREATE INDEX review_items_by_status ON review_items (status, created_at, id);
CREATE INDEX review_items_by_connection ON review_items (connection_id, status);

-- Work to do. One row for each (kind, key); asked for again while it runs, it
-- runs once more.
CREATE TABLE jobs (
    id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind          TEXT NOT NULL,
    key           TEXT NOT NULL,
    connection_id BLOB,
    run_at        INTEGER NOT NULL,
    again_at      INTEGER,
    worker        TEXT,
    wanted_until  INTEGER,
    fence         INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    last_error    TEXT,
    created_at    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX jobs_kind_key ON jobs (kind, key);
-- The fence is part of a key, so that it cannot change while a transaction leans on it.
CREATE UNIQUE INDEX jobs_fence ON jobs (id, fence);
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE worker IS NULL;
CREATE INDEX jobs_held ON jobs (worker) WHERE worker IS NOT NULL;
CREATE INDEX jobs_asked ON jobs (worker) WHERE again_at IS NOT NULL OR wanted_until IS NOT NULL;
CREATE INDEX jobs_by_connection ON jobs (connection_id) WHERE connection_id IS NOT NULL;

-- Who works, and until when it keeps the jobs it holds.
CREATE TABLE workers (
    name        TEXT NOT NULL PRIMARY KEY,
    lease_until INTEGER NOT NULL
) STRICT;

-- Indexes that a large load does without, with what makes them again.
CREATE TABLE deferred_indexes (
    name       TEXT NOT NULL PRIMARY KEY,
    definition TEXT NOT NULL
) STRICT;
