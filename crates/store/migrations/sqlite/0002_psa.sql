-- The PSA beside its people: rights, lookups, tickets, invoices, sessions,
-- tokens, webhooks; and what lists of people need.

-- Rights of the built-in security roles: module -> right -> scope.
UPDATE security_roles SET description = 'Everything, settings and provisioning included', rights = '{"admin":{"view":"all","create":"all","edit":"all","delete":"all"},"crm":{"view":"all","create":"all","edit":"all","delete":"all"},"hr":{"view":"all","create":"all","edit":"all","delete":"all"},"service_desk":{"view":"all","create":"all","edit":"all","delete":"all"},"projects":{"view":"all","create":"all","edit":"all","delete":"all"},"finance":{"view":"all","create":"all","edit":"all","delete":"all"},"inventory":{"view":"all","create":"all","edit":"all","delete":"all"},"reports":{"view":"all","create":"all","edit":"all","delete":"all"},"client_portal":{"view":"all","create":"all","edit":"all","delete":"all"},"my":{"view":"all","create":"all","edit":"all","delete":"all"}}' WHERE name = 'Administrator';
UPDATE security_roles SET description = 'Projects, and looking up the people and clients who take part', rights = '{"crm":{"view":"all"},"hr":{"view":"all"},"service_desk":{"view":"all"},"projects":{"view":"all","create":"all","edit":"all","delete":"all"},"reports":{"view":"all"},"my":{"view":"own","edit":"own"}}' WHERE name = 'Project Manager';
UPDATE security_roles SET description = 'Accounts and contacts', rights = '{"crm":{"view":"all","create":"all","edit":"all","delete":"all"},"service_desk":{"view":"all"},"finance":{"view":"all"},"reports":{"view":"all"},"client_portal":{"view":"all","edit":"all"},"my":{"view":"own","edit":"own"}}' WHERE name = 'CRM Manager';
UPDATE security_roles SET description = 'Invoices, and looking up the accounts they go to', rights = '{"crm":{"view":"all"},"finance":{"view":"all","create":"all","edit":"all","delete":"all"},"inventory":{"view":"all"},"reports":{"view":"all"},"my":{"view":"own","edit":"own"}}' WHERE name = 'Finance Manager';
UPDATE security_roles SET description = 'Tickets, and the contacts who open them', rights = '{"crm":{"view":"all","create":"all","edit":"all"},"hr":{"view":"all"},"service_desk":{"view":"all","create":"all","edit":"all","delete":"all"},"projects":{"view":"all"},"inventory":{"view":"all"},"reports":{"view":"all"},"my":{"view":"own","edit":"own"}}' WHERE name = 'Service Desk Manager';
UPDATE security_roles SET description = 'The own profile, tickets, and looking up accounts and contacts', rights = '{"crm":{"view":"all"},"service_desk":{"view":"all","create":"all","edit":"own"},"my":{"view":"own","edit":"own"}}' WHERE name = 'User';
UPDATE security_roles SET description = 'Client portal: the own profile and the own tickets', rights = '{"service_desk":{"view":"own","create":"own","edit":"own"},"client_portal":{"view":"own"},"my":{"view":"own","edit":"own"}}' WHERE name = 'External User';
UPDATE security_roles SET description = 'Client portal: the own profile, and all tickets and invoices of the account', rights = '{"service_desk":{"view":"account","create":"account","edit":"account"},"finance":{"view":"account"},"client_portal":{"view":"account"},"my":{"view":"own","edit":"own"}}' WHERE name = 'External Manager';

-- What lists of a million people cannot find in name order. Each of these
-- indexes holds only rows out of the ordinary: a first sync writes none of them.
CREATE INDEX records_not_active ON records (kind, status, last_name_key, first_name_key, id)
    WHERE status <> 'active';
CREATE INDEX records_without_access ON records (kind, last_name_key, first_name_key, id)
    WHERE NOT access;
CREATE INDEX records_poc ON records (kind, last_name_key, first_name_key, id) WHERE is_poc;
CREATE INDEX records_pinned ON records (kind, last_name_key, first_name_key, id) WHERE pinned;
CREATE INDEX records_without_username ON records (kind, last_name_key, first_name_key, id)
    WHERE username_key IS NULL;
CREATE INDEX records_without_email ON records (kind, last_name_key, first_name_key, id)
    WHERE email_key IS NULL;
-- There is one root user.
CREATE UNIQUE INDEX records_is_root ON records (is_root) WHERE is_root;

-- Which rule a person's record came from.
CREATE INDEX links_by_rule ON links (rule_id, record_id) WHERE role = 'primary';

-- Names that records use as plain text. Made when missing.
CREATE TABLE departments (
    id         BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    is_active  INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX departments_name_key ON departments (name_key);

CREATE TABLE locations (
    id         BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    is_active  INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX locations_name_key ON locations (name_key);

CREATE TABLE job_titles (
    id         BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    is_active  INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX job_titles_name_key ON job_titles (name_key);

CREATE TABLE employment_types (
    id         BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    is_active  INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX employment_types_name_key ON employment_types (name_key);

CREATE TABLE employee_roles (
    id         BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    is_active  INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX employee_roles_name_key ON employee_roles (name_key);

-- Numbers given out one by one.
CREATE TABLE counters (
    name  TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO counters (name, value) VALUES ('ticket', 0);

CREATE TABLE tickets (
    id          BLOB NOT NULL PRIMARY KEY,
    number      INTEGER NOT NULL,
    title       TEXT NOT NULL,
    title_key   TEXT NOT NULL,
    description TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('open', 'closed')),
    priority    TEXT NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'critical')),
    account_id  BLOB REFERENCES accounts (id),
    contact_id  BLOB REFERENCES records (id),
    assignee_id BLOB REFERENCES records (id),
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    closed_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX tickets_number ON tickets (number);
CREATE INDEX tickets_by_status ON tickets (status, number);
CREATE INDEX tickets_by_account ON tickets (account_id, number) WHERE account_id IS NOT NULL;
CREATE INDEX tickets_by_contact ON tickets (contact_id, number) WHERE contact_id IS NOT NULL;
CREATE INDEX tickets_by_assignee ON tickets (assignee_id, number) WHERE assignee_id IS NOT NULL;

CREATE TABLE ticket_comments (
    id          BLOB NOT NULL PRIMARY KEY,
    ticket_id   BLOB NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    author_id   BLOB REFERENCES records (id) ON DELETE SET NULL,
    author_name TEXT NOT NULL,
    body        TEXT NOT NULL,
    is_internal INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX ticket_comments_by_ticket ON ticket_comments (ticket_id, created_at, id);
CREATE INDEX ticket_comments_by_author ON ticket_comments (author_id) WHERE author_id IS NOT NULL;

CREATE TABLE invoices (
    id         BLOB NOT NULL PRIMARY KEY,
    number     TEXT NOT NULL,
    number_key TEXT NOT NULL,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    contact_id BLOB REFERENCES records (id),
    amount     TEXT NOT NULL,
    currency   TEXT NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('draft', 'sent', 'paid', 'void')),
    issued_on  TEXT NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX invoices_number_key ON invoices (number_key);
CREATE INDEX invoices_by_date ON invoices (issued_on, id);
CREATE INDEX invoices_by_status ON invoices (status, issued_on, id);
CREATE INDEX invoices_by_account ON invoices (account_id, issued_on, id);
CREATE INDEX invoices_by_contact ON invoices (contact_id, issued_on, id) WHERE contact_id IS NOT NULL;

-- Who is signed in.
CREATE TABLE sessions (
    token_hash   BLOB NOT NULL PRIMARY KEY,
    record_id    BLOB NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    method       TEXT NOT NULL CHECK (method IN ('password', 'microsoft')),
    tenant_id    BLOB,
    object_id    BLOB,
    user_agent   TEXT,
    ip           TEXT
) STRICT;
CREATE INDEX sessions_by_record ON sessions (record_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- A code from an authenticator app beside the password: the secret is among the
-- secrets, the last time step that was used is used up. Recovery codes work once.
CREATE TABLE second_factors (
    record_id    BLOB NOT NULL PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    confirmed_at INTEGER,
    last_step    INTEGER NOT NULL
) STRICT;

CREATE TABLE recovery_codes (
    record_id BLOB NOT NULL REFERENCES second_factors (record_id) ON DELETE CASCADE,
    digest    BLOB NOT NULL,
    PRIMARY KEY (record_id, digest)
) STRICT;

CREATE TABLE api_tokens (
    id           BLOB NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    token_hash   BLOB NOT NULL,
    scopes       TEXT NOT NULL,
    record_id    BLOB REFERENCES records (id) ON DELETE CASCADE,
    created_by   TEXT,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX api_tokens_token_hash ON api_tokens (token_hash);
CREATE INDEX api_tokens_by_record ON api_tokens (record_id) WHERE record_id IS NOT NULL;
CREATE INDEX api_tokens_by_time ON api_tokens (created_at, id);

-- Failed sign-ins, counted for each name and address.
CREATE TABLE sign_in_attempts (
    key      TEXT NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_attempts_by_time ON sign_in_attempts (last_at);

CREATE TABLE webhooks (
    id          BLOB NOT NULL PRIMARY KEY,
    url         TEXT NOT NULL,
    description TEXT NOT NULL,
    events      TEXT NOT NULL,
    enabled     INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

-- The outbox: written in the transaction of what it tells about.
CREATE TABLE webhook_deliveries (
    id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    webhook_id   BLOB NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event        TEXT NOT NULL,
    body         TEXT NOT NULL,
    status       TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts     INTEGER NOT NULL,
    next_at      INTEGER NOT NULL,
    last_status  INTEGER,
    last_error   TEXT,
    created_at   INTEGER NOT NULL,
    delivered_at INTEGER
) STRICT;
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, status, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at, id) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_settled ON webhook_deliveries (created_at) WHERE status <> 'pending';

-- Answers to requests that may be sent again.
CREATE TABLE idempotency_keys (
    principal    TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    status       INTEGER,
    headers      TEXT,
    body         TEXT,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT;
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);
