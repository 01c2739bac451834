-- The longest life of a token when the key was made, in milliseconds; 0: not known.
ALTER TABLE keys ADD COLUMN life INTEGER NOT NULL DEFAULT 0;
