-- Memberships that the latest reading of the group did not show although it is not believed: an
-- answer of nobody waits for a second one. Until then nobody is given anything by them.
CREATE TABLE doubted_memberships (
    connection_id uuid NOT NULL,
    member_id     uuid NOT NULL,
    group_id      uuid NOT NULL,
    PRIMARY KEY (connection_id, member_id, group_id)
);
