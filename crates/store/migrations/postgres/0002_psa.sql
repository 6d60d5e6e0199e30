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
    id         uuid NOT NULL PRIMARY KEY,
    name       text NOT NULL,
    name_key   text COLLATE "C" NOT NULL,
    is_active  boolean NOT NULL,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX departments_name_key ON departments (name_key);

CREATE TABLE locations (
    id         uuid NOT NULL PRIMARY KEY,
    name       text NOT NULL,
    name_key   text COLLATE "C" NOT NULL,
    is_active  boolean NOT NULL,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX locations_name_key ON locations (name_key);

CREATE TABLE job_titles (
    id         uuid NOT NULL PRIMARY KEY,
    name       text NOT NULL,
    name_key   text COLLATE "C" NOT NULL,
    is_active  boolean NOT NULL,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX job_titles_name_key ON job_titles (name_key);

CREATE TABLE employment_types (
    id         uuid NOT NULL PRIMARY KEY,
    name       text NOT NULL,
    name_key   text COLLATE "C" NOT NULL,
    is_active  boolean NOT NULL,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX employment_types_name_key ON employment_types (name_key);

CREATE TABLE employee_roles (
    id         uuid NOT NULL PRIMARY KEY,
    name       text NOT NULL,
    name_key   text COLLATE "C" NOT NULL,
    is_active  boolean NOT NULL,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX employee_roles_name_key ON employee_roles (name_key);

-- Numbers given out one by one.
CREATE TABLE counters (
    name  text NOT NULL PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO counters (name, value) VALUES ('ticket', 0);

CREATE TABLE tickets (
    id          uuid NOT NULL PRIMARY KEY,
    number      bigint NOT NULL,
    title       text NOT NULL,
    title_key   text NOT NULL,
    description text NOT NULL,
    status      text NOT NULL CHECK (status IN ('open', 'closed')),
    priority    text NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'critical')),
    account_id  uuid REFERENCES accounts (id),
    contact_id  uuid REFERENCES records (id),
    assignee_id uuid REFERENCES records (id),
    version     bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    closed_at   timestamptz
);
CREATE UNIQUE INDEX tickets_number ON tickets (number);
CREATE INDEX tickets_by_status ON tickets (status, number);
CREATE INDEX tickets_by_account ON tickets (account_id, number) WHERE account_id IS NOT NULL;
CREATE INDEX tickets_by_contact ON tickets (contact_id, number) WHERE contact_id IS NOT NULL;
CREATE INDEX tickets_by_assignee ON tickets (assignee_id, number) WHERE assignee_id IS NOT NULL;

CREATE TABLE ticket_comments (
    id          uuid NOT NULL PRIMARY KEY,
    ticket_id   uuid NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    author_id   uuid REFERENCES records (id) ON DELETE SET NULL,
    author_name text NOT NULL,
    body        text NOT NULL,
    is_internal boolean NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX ticket_comments_by_ticket ON ticket_comments (ticket_id, created_at, id);
CREATE INDEX ticket_comments_by_author ON ticket_comments (author_id) WHERE author_id IS NOT NULL;

CREATE TABLE invoices (
    id         uuid NOT NULL PRIMARY KEY,
    number     text NOT NULL,
    number_key text COLLATE "C" NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts (id),
    contact_id uuid REFERENCES records (id),
    amount     text NOT NULL,
    currency   text NOT NULL,
    status     text NOT NULL CHECK (status IN ('draft', 'sent', 'paid', 'void')),
    issued_on  text COLLATE "C" NOT NULL,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX invoices_number_key ON invoices (number_key);
CREATE INDEX invoices_by_date ON invoices (issued_on, id);
CREATE INDEX invoices_by_status ON invoices (status, issued_on, id);
CREATE INDEX invoices_by_account ON invoices (account_id, issued_on, id);
CREATE INDEX invoices_by_contact ON invoices (contact_id, issued_on, id) WHERE contact_id IS NOT NULL;

-- Who is signed in.
CREATE TABLE sessions (
    token_hash   bytea NOT NULL PRIMARY KEY,
    record_id    uuid NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    method       text NOT NULL CHECK (method IN ('password', 'microsoft')),
    tenant_id    uuid,
    object_id    uuid,
    user_agent   text,
    ip           text
);
CREATE INDEX sessions_by_record ON sessions (record_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- A code from an authenticator app beside the password: the secret is among the
-- secrets, the last time step that was used is used up. Recovery codes work once.
CREATE TABLE second_factors (
    record_id    uuid NOT NULL PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz,
    last_step    bigint NOT NULL
);

CREATE TABLE recovery_codes (
    record_id uuid NOT NULL REFERENCES second_factors (record_id) ON DELETE CASCADE,
    digest    bytea NOT NULL,
    PRIMARY KEY (record_id, digest)
);

CREATE TABLE api_tokens (
    id           uuid NOT NULL PRIMARY KEY,
    name         text NOT NULL,
    token_hash   bytea NOT NULL,
    scopes       text NOT NULL,
    record_id    uuid REFERENCES records (id) ON DELETE CASCADE,
    created_by   text,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE UNIQUE INDEX api_tokens_token_hash ON api_tokens (token_hash);
CREATE INDEX api_tokens_by_record ON api_tokens (record_id) WHERE record_id IS NOT NULL;
CREATE INDEX api_tokens_by_time ON api_tokens (created_at, id);

-- Failed sign-ins, counted for each name and address.
CREATE TABLE sign_in_attempts (
    key      text NOT NULL PRIMARY KEY,
    failures bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL
);
CREATE INDEX sign_in_attempts_by_time ON sign_in_attempts (last_at);

CREATE TABLE webhooks (
    id          uuid NOT NULL PRIMARY KEY,
    url         text NOT NULL,
    description text NOT NULL,
    events      text NOT NULL,
    enabled     boolean NOT NULL,
    version     bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);

-- The outbox: written in the transaction of what it tells about.
CREATE TABLE webhook_deliveries (
    id           bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    webhook_id   uuid NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event        text NOT NULL,
    body         text NOT NULL,
    status       text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts     bigint NOT NULL,
    next_at      timestamptz NOT NULL,
    last_status  bigint,
    last_error   text,
    created_at   timestamptz NOT NULL,
    delivered_at timestamptz
);
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, status, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at, id) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_settled ON webhook_deliveries (created_at) WHERE status <> 'pending';

-- Answers to requests that may be sent again.
CREATE TABLE idempotency_keys (
    principal    text NOT NULL,
    key          text NOT NULL,
    request_hash bytea NOT NULL,
    status       bigint,
    headers      text,
    body         text,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);
