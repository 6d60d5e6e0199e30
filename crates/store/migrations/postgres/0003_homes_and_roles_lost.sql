-- Which tenant is at home under a domain: asked for each batch of new people, whatever the number of tenants.
CREATE TABLE verified_domains (
    domain        text COLLATE "C" NOT NULL,
    connection_id uuid NOT NULL,
    tenant_id     uuid NOT NULL,
    PRIMARY KEY (domain, connection_id)
);
CREATE INDEX verified_domains_by_connection ON verified_domains (connection_id);

INSERT INTO verified_domains (domain, connection_id, tenant_id)
SELECT DISTINCT lower(d.value), c.id, c.tenant_id
FROM connections c, LATERAL jsonb_array_elements_text(c.verified_domains::jsonb) d (value)
WHERE c.tenant_id IS NOT NULL;

-- How many people a plan leaves with fewer security roles, while they keep their access.
ALTER TABLE plans ADD COLUMN roles_lost bigint NOT NULL DEFAULT 0;
