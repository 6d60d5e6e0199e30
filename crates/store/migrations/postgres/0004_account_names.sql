-- Two accounts of one name cannot be told apart where one is chosen. Of those that share a name the oldest keeps it;
-- the others say which they are by the end of their id, until a person renames or merges them.
UPDATE accounts
SET name = name || ' (duplicate ' || right(id::text, 12) || ')',
    name_key = name_key || ' (duplicate ' || right(id::text, 12) || ')',
    version = version + 1
WHERE EXISTS (
    SELECT 1 FROM accounts older
    WHERE older.name_key = accounts.name_key
        AND (older.created_at, older.id) < (accounts.created_at, accounts.id)
);
DROP INDEX accounts_by_name;
CREATE UNIQUE INDEX accounts_name_key ON accounts (name_key);
