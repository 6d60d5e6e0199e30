-- A search finds first names too: by an index of their own, or it would go through everybody.
CREATE INDEX records_by_first_name ON records (kind, first_name_key, last_name_key, id);
