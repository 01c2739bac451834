-- The longest life of a token when the key was made, in milliseconds; 0: not known.
ALTER TABLE pawl.keys ADD COLUMN life bigint NOT NULL DEFAULT 0;
