-- An entry is two rows, so that a half of one can be seen.
CREATE TABLE entries (
    id   BIGINT NOT NULL,
    side TEXT   NOT NULL,
    PRIMARY KEY (id, side)
);
