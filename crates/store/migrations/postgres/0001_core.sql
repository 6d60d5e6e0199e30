-- Core tables. Columns named _key compare byte by byte, as on SQLite.

-- Accounts (companies in CRM) and security roles (rights). Records refer to both.
CREATE TABLE accounts (
    id          uuid NOT NULL PRIMARY KEY,
    name        text NOT NULL,
    name_key    text COLLATE "C" NOT NULL,
    is_active   boolean NOT NULL,
    version     bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE INDEX accounts_by_name ON accounts (name_key, id);

CREATE TABLE security_roles (
    name        text NOT NULL PRIMARY KEY,
    role_type   text NOT NULL CHECK (role_type IN ('internal', 'external')),
    is_system   boolean NOT NULL,
    is_active   boolean NOT NULL,
    description text NOT NULL,
    rights      text NOT NULL,
    version     bigint NOT NULL,
    created_at  timestamptz NOT NULL
);
INSERT INTO security_roles (name, role_type, is_system, is_active, description, rights, version, created_at) VALUES
    ('Administrator', 'internal', TRUE, TRUE, 'Everything, settings and provisioning included', '{}', 1, '1970-01-01Z'),
    ('Project Manager', 'internal', TRUE, TRUE, 'Projects and the people who work on them', '{}', 1, '1970-01-01Z'),
    ('CRM Manager', 'internal', TRUE, TRUE, 'Accounts and contacts', '{}', 1, '1970-01-01Z'),
    ('Finance Manager', 'internal', TRUE, TRUE, 'Invoices and contracts', '{}', 1, '1970-01-01Z'),
    ('Service Desk Manager', 'internal', TRUE, TRUE, 'Tickets and the people who work on them', '{}', 1, '1970-01-01Z'),
    ('User', 'internal', TRUE, TRUE, 'The own profile and the own tickets', '{}', 1, '1970-01-01Z'),
    ('External User', 'external', TRUE, TRUE, 'Client portal: the own profile, messages and tickets', '{}', 1, '1970-01-01Z'),
    ('External Manager', 'external', TRUE, TRUE, 'Client portal: all tickets, contracts and invoices of the account', '{}', 1, '1970-01-01Z');

-- Employees and contacts. The _key columns hold the comparable form of the column before them.
CREATE TABLE records (
    id                  uuid NOT NULL PRIMARY KEY,
    kind                text NOT NULL CHECK (kind IN ('employee', 'contact')),
    version             bigint NOT NULL,
    is_root             boolean NOT NULL,
    pinned              boolean NOT NULL,
    pin_reason          text,
    first_name          text,
    first_name_key      text COLLATE "C" NOT NULL,
    last_name           text,
    last_name_key       text COLLATE "C" NOT NULL,
    username            text,
    username_key        text COLLATE "C",
    email               text,
    email_key           text COLLATE "C",
    email_type          text NOT NULL DEFAULT 'Business',
    other_emails        text NOT NULL DEFAULT '[]',
    phone               text,
    phone_type          text NOT NULL DEFAULT 'Business',
    other_phones        text NOT NULL DEFAULT '[]',
    mobile_phone        text,
    job_title           text,
    department          text,
    location            text,
    manager_id          uuid,
    employment_type     text,
    employee_id         text,
    employee_roles      text NOT NULL,
    security_roles      text NOT NULL,
    account_id          uuid REFERENCES accounts (id),
    status              text NOT NULL CHECK (status IN ('active', 'inactive', 'archived')),
    access              boolean NOT NULL,
    access_reason       text,
    deactivated_by_sync boolean NOT NULL,
    original_username   text,
    original_email      text,
    is_poc              boolean NOT NULL DEFAULT FALSE,
    receive_invoices    boolean NOT NULL DEFAULT FALSE,
    password_hash       text,
    last_sign_in_at     timestamptz,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL
);
CREATE UNIQUE INDEX records_username_key ON records (username_key) WHERE username_key IS NOT NULL;
CREATE INDEX records_by_email ON records (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX records_by_name ON records (kind, last_name_key, first_name_key, id);
CREATE INDEX records_by_account ON records (account_id, id) WHERE account_id IS NOT NULL;
-- Who can administrate: few rows, asked for in every plan.
CREATE INDEX records_administrators ON records (kind, status, access)
    WHERE security_roles LIKE '%"Administrator"%';

-- One tenant with its credentials and settings.
CREATE TABLE connections (
    id                   uuid NOT NULL PRIMARY KEY,
    tenant_input         text NOT NULL,
    tenant_id            uuid,
    tenant_domain        text,
    tenant_name          text,
    verified_domains     text NOT NULL,
    application_id       text NOT NULL,
    auth                 text NOT NULL CHECK (auth IN ('delegated', 'application')),
    credential           text NOT NULL CHECK (credential IN ('secret', 'certificate')),
    certificate_pem      text,
    provision_employees  boolean NOT NULL,
    provision_contacts   boolean NOT NULL,
    email_source         text NOT NULL,
    on_disabled          text NOT NULL,
    auto_approve         boolean NOT NULL,
    limits               text,
    settings             text NOT NULL,
    status               text NOT NULL,
    status_code          text,
    status_reason        text,
    status_cure          text,
    as_of                timestamptz,
    changed_at_microsoft timestamptz,
    delay_microsoft_ms   bigint,
    delay_ours_ms        bigint,
    last_success_at      timestamptz,
    last_run_id          uuid,
    last_reconcile_at    timestamptz,
    first_sync_done      boolean NOT NULL,
    secret_expires_at    timestamptz,
    consented_at         timestamptz,
    consented_by         text,
    connected_object_id  uuid,
    version              bigint NOT NULL,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL
);
CREATE UNIQUE INDEX connections_tenant_id ON connections (tenant_id) WHERE tenant_id IS NOT NULL;

-- Envelope encryption: the master key wraps data keys, data keys seal secrets.
CREATE TABLE data_keys (
    id            uuid NOT NULL PRIMARY KEY,
    connection_id uuid,
    key_id        text NOT NULL,
    wrapped       bytea NOT NULL,
    created_at    timestamptz NOT NULL
);
CREATE INDEX data_keys_by_connection ON data_keys (connection_id);

CREATE TABLE secrets (
    owner_id    uuid NOT NULL,
    purpose     text NOT NULL,
    data_key_id uuid NOT NULL REFERENCES data_keys (id),
    nonce       bytea NOT NULL,
    ciphertext  bytea NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (owner_id, purpose)
);
CREATE INDEX secrets_by_data_key ON secrets (data_key_id);

CREATE TABLE oauth_states (
    state_hash    bytea NOT NULL PRIMARY KEY,
    connection_id uuid REFERENCES connections (id) ON DELETE CASCADE,
    purpose       text NOT NULL,
    binding_hash  bytea NOT NULL,
    payload       bytea NOT NULL,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL
);
CREATE INDEX oauth_states_by_connection ON oauth_states (connection_id);

CREATE TABLE subscriptions (
    id                uuid NOT NULL PRIMARY KEY,
    connection_id     uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    resource          text NOT NULL,
    client_state_hash bytea NOT NULL,
    notification_url  text NOT NULL,
    expires_at        timestamptz NOT NULL,
    renew_at          timestamptz NOT NULL,
    created_at        timestamptz NOT NULL
);
CREATE INDEX subscriptions_by_connection ON subscriptions (connection_id);
CREATE INDEX subscriptions_due ON subscriptions (renew_at, id);

-- How far each change feed has been read.
CREATE TABLE cursors (
    connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    feed          text NOT NULL CHECK (feed IN ('users', 'groups')),
    link          text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('next', 'delta')),
    previous_link text,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (connection_id, feed)
);

CREATE TABLE directory_groups (
    connection_id     uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    group_id          uuid NOT NULL,
    name              text,
    created_at        timestamptz,
    readable          boolean NOT NULL,
    unreadable_reason text,
    members           bigint NOT NULL,
    is_mapped         boolean NOT NULL,
    suspicious_since  timestamptz,
    read_at           timestamptz,
    PRIMARY KEY (connection_id, group_id)
);

-- Direct members of tracked groups. No foreign keys here and below: these
-- tables have millions of rows, and their owner removes them in full.
CREATE TABLE memberships (
    connection_id uuid NOT NULL,
    group_id      uuid NOT NULL,
    member_id     uuid NOT NULL,
    is_group      boolean NOT NULL,
    PRIMARY KEY (connection_id, group_id, member_id)
);
CREATE INDEX memberships_by_member ON memberships (connection_id, member_id, group_id);
CREATE INDEX memberships_nested ON memberships (connection_id, is_group, group_id, member_id)
    WHERE is_group = TRUE;

-- The mirror: directory people as last read.
CREATE TABLE people (
    connection_id        uuid NOT NULL,
    object_id            uuid NOT NULL,
    version              bigint NOT NULL,
    fingerprint          bytea NOT NULL,
    body                 text NOT NULL,
    absence              text,
    changed_at           timestamptz NOT NULL,
    microsoft_changed_at timestamptz,
    PRIMARY KEY (connection_id, object_id)
);

-- People that must be planned.
CREATE TABLE pending (
    connection_id uuid NOT NULL,
    object_id     uuid NOT NULL,
    since         timestamptz NOT NULL,
    PRIMARY KEY (connection_id, object_id)
);

-- The bond between a directory person and a record.
CREATE TABLE links (
    tenant_id       uuid NOT NULL,
    object_id       uuid NOT NULL,
    connection_id   uuid NOT NULL,
    role            text NOT NULL CHECK (role IN ('primary', 'secondary')),
    record_id       uuid NOT NULL,
    archived_id     uuid,
    applied         text NOT NULL,
    rule_id         uuid,
    suppressed      text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    last_applied_at timestamptz,
    PRIMARY KEY (tenant_id, object_id)
);
CREATE UNIQUE INDEX links_record_id ON links (record_id) WHERE role = 'primary';
CREATE INDEX links_secondary ON links (record_id) WHERE role = 'secondary';
CREATE INDEX links_archived ON links (archived_id) WHERE archived_id IS NOT NULL;
CREATE INDEX links_by_connection ON links (connection_id) WHERE role = 'primary';

CREATE TABLE mapping_rules (
    id               uuid NOT NULL PRIMARY KEY,
    name             text NOT NULL,
    rule_order       bigint NOT NULL,
    connection_id    uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    tenant_id        uuid NOT NULL,
    scope            text NOT NULL CHECK (scope IN ('group', 'assigned')),
    group_id         uuid NOT NULL,
    group_name       text,
    group_created_at timestamptz,
    group_readable   boolean NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('employee', 'contact')),
    account_id       uuid REFERENCES accounts (id),
    security_roles   text NOT NULL,
    roles_mode       text NOT NULL,
    include_nested   boolean NOT NULL,
    members          text NOT NULL,
    exclude          text NOT NULL,
    licensed_only    boolean NOT NULL,
    enabled          boolean NOT NULL,
    pending_rule     text,
    version          bigint NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);
CREATE INDEX mapping_rules_by_connection ON mapping_rules (connection_id, rule_order);
CREATE INDEX mapping_rules_by_account ON mapping_rules (account_id) WHERE account_id IS NOT NULL;

CREATE TABLE settings (
    key        text NOT NULL PRIMARY KEY,
    value      text NOT NULL,
    version    bigint NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Plans and what they decide for each person.
CREATE TABLE plans (
    id            uuid NOT NULL PRIMARY KEY,
    connection_id uuid,
    run_id        uuid,
    kind          text NOT NULL,
    status        text NOT NULL,
    hash          text,
    counts        text NOT NULL,
    people        bigint NOT NULL,
    applied_seq   bigint NOT NULL,
    hold          text,
    scope         text,
    change        text,
    created_at    timestamptz NOT NULL,
    decided_at    timestamptz,
    decided_by    text
);
CREATE INDEX plans_by_connection ON plans (connection_id, created_at, id);
CREATE INDEX plans_by_run ON plans (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX plans_by_time ON plans (created_at, id);

CREATE TABLE decisions (
    plan_id   uuid NOT NULL,
    seq       bigint NOT NULL,
    tenant_id uuid NOT NULL,
    object_id uuid NOT NULL,
    record_id uuid,
    headline  text,
    name_key  text COLLATE "C" NOT NULL,
    state     text,
    body      text NOT NULL,
    PRIMARY KEY (plan_id, seq)
);
CREATE INDEX decisions_visible ON decisions (plan_id, seq) WHERE headline IS NOT NULL;
-- Creations are nearly everything in a first sync and found without an index of their own.
CREATE INDEX decisions_by_headline ON decisions (plan_id, headline, seq)
    WHERE headline IS NOT NULL AND headline <> 'create';

CREATE TABLE runs (
    id             uuid NOT NULL PRIMARY KEY,
    connection_id  uuid,
    plan_id        uuid,
    mode           text NOT NULL,
    cause          text NOT NULL,
    status         text NOT NULL,
    started_at     timestamptz NOT NULL,
    finished_at    timestamptz,
    asked          text NOT NULL,
    progress       text NOT NULL,
    counts         text NOT NULL,
    requests       bigint NOT NULL,
    resource_units bigint NOT NULL,
    error          text,
    hold           text,
    undo_of        uuid,
    actor          text
);
CREATE INDEX runs_by_time ON runs (started_at, id);
CREATE INDEX runs_by_connection ON runs (connection_id, started_at, id);
CREATE INDEX runs_by_undone ON runs (undo_of) WHERE undo_of IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (connection_id) WHERE finished_at IS NULL;

-- Every applied action, and everything else worth remembering. The body is
-- null where the decision of the plan holds it.
CREATE TABLE journal (
    seq           bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL,
    origin        text NOT NULL,
    actor         text,
    connection_id uuid,
    tenant_id     uuid,
    object_id     uuid,
    record_id     uuid,
    run_id        uuid,
    plan_id       uuid,
    decision_seq  bigint,
    action        text NOT NULL,
    body          text
);
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
    seq       bigint NOT NULL PRIMARY KEY,
    entries   bigint NOT NULL,
    hash      bytea NOT NULL,
    sealed_at timestamptz NOT NULL
);

CREATE TABLE review_items (
    id            uuid NOT NULL PRIMARY KEY,
    connection_id uuid NOT NULL,
    tenant_id     uuid NOT NULL,
    object_id     uuid NOT NULL,
    kind          text NOT NULL,
    reason        text NOT NULL,
    fingerprint   text NOT NULL,
    candidates    text NOT NULL,
    person        text NOT NULL,
    status        text NOT NULL CHECK (status IN ('open', 'resolved')),
    answer        text,
    resolved_by   text,
    resolved_at   timestamptz,
    created_at    timestamptz NOT NULL
);
CREATE UNIQUE INDEX review_items_tenant_id_object_id ON review_items (tenant_id, object_id);
CREATE INDEX review_items_by_time ON review_items (created_at, id);
CREATE INDEX review_items_by_status ON review_items (status, created_at, id);
CREATE INDEX review_items_by_connection ON review_items (connection_id, status);

-- Work to do. One row for each (kind, key); asked for again while it runs, it
-- runs once more.
CREATE TABLE jobs (
    id            bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL,
    key           text NOT NULL,
    connection_id uuid,
    run_at        timestamptz NOT NULL,
    again_at      timestamptz,
    worker        text,
    wanted_until  timestamptz,
    fence         bigint NOT NULL,
    attempts      bigint NOT NULL,
    last_error    text,
    created_at    timestamptz NOT NULL
);
CREATE UNIQUE INDEX jobs_kind_key ON jobs (kind, key);
-- The fence is part of a key, so that it cannot change while a transaction leans on it.
CREATE UNIQUE INDEX jobs_fence ON jobs (id, fence);
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE worker IS NULL;
CREATE INDEX jobs_held ON jobs (worker) WHERE worker IS NOT NULL;
CREATE INDEX jobs_asked ON jobs (worker) WHERE again_at IS NOT NULL OR wanted_until IS NOT NULL;
CREATE INDEX jobs_by_connection ON jobs (connection_id) WHERE connection_id IS NOT NULL;

-- Who works, and until when it keeps the jobs it holds.
CREATE TABLE workers (
    name        text NOT NULL PRIMARY KEY,
    lease_until timestamptz NOT NULL
);

-- Indexes that a large load does without, with what makes them again.
CREATE TABLE deferred_indexes (
    name       text NOT NULL PRIMARY KEY,
    definition text NOT NULL
);
