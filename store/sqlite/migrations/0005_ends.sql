-- What a node needs to apply an end again: whose session it was, and which session
-- of a user was to go on. Empty in entries that are older than these columns.
ALTER TABLE revocations ADD COLUMN user TEXT NOT NULL DEFAULT '';
ALTER TABLE revocations ADD COLUMN keep TEXT NOT NULL DEFAULT '';
