-- Memberships that the latest reading of the group did not show although it is not believed: an
-- answer of nobody waits for a second one. Until then nobody is given anything by them.
CREATE TABLE doubted_memberships (
    connection_id BLOB NOT NULL,
    member_id     BLOB NOT NULL,
    group_id      BLOB NOT NULL,
    PRIMARY KEY (connection_id, member_id, group_id)
) STRICT, WITHOUT ROWID;
