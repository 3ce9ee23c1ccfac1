-- Users, and what each is held to. A value that is NULL bounds nothing; one that cannot be read lets
-- nobody in.

CREATE TABLE user (
    name            TEXT PRIMARY KEY CHECK (name <> ''),
    -- $argon2id$..., or what was imported: $2b$..., $5$..., $6$..., $y$...
    password        TEXT,
    disabled        INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    -- The second factor: its secret in base 32, and the last step of time whose code was used.
    totp_secret     TEXT,
    totp_step       INTEGER,
    -- The folder at the root: /srv/ann, or served:/ann in the tree that is served to all.
    home            TEXT,
    -- Letters of rwldnm: read, write, list, delete, rename, make folders.
    rights          TEXT,
    quota_bytes     INTEGER,
    quota_files     INTEGER,
    -- Bytes a second.
    rate_up         INTEGER,
    rate_down       INTEGER,
    sessions        INTEGER,
    tls             INTEGER NOT NULL DEFAULT 0 CHECK (tls IN (0, 1)),
    any_tls_session INTEGER NOT NULL DEFAULT 0 CHECK (any_tls_session IN (0, 1)),
    -- The last day: 2027-12-31.
    expires         TEXT,
    charset         TEXT
) STRICT;

-- Folders at other names than the root: /pub=/srv/pub.
CREATE TABLE user_mount (
    user  TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE ON DELETE CASCADE,
    value TEXT NOT NULL,
    PRIMARY KEY (user, value)
) STRICT;

-- Rights beneath names: /pub=rl.
CREATE TABLE user_rule (
    user  TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE ON DELETE CASCADE,
    value TEXT NOT NULL,
    PRIMARY KEY (user, value)
) STRICT;

-- Networks to log in from: 192.0.2.0/24. None: from all.
CREATE TABLE user_network (
    user  TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE ON DELETE CASCADE,
    value TEXT NOT NULL,
    PRIMARY KEY (user, value)
) STRICT;

-- Hours to log in at: 08:00-18:00. None: at all.
CREATE TABLE user_hours (
    user  TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE ON DELETE CASCADE,
    value TEXT NOT NULL,
    PRIMARY KEY (user, value)
) STRICT;

-- Foreign networks for data connections.
CREATE TABLE user_fxp (
    user  TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE ON DELETE CASCADE,
    value TEXT NOT NULL,
    PRIMARY KEY (user, value)
) STRICT;

-- Certificates that stand for the password: SHA-256 in hexadecimal digits.
CREATE TABLE user_certificate (
    user  TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE ON DELETE CASCADE,
    value TEXT NOT NULL,
    PRIMARY KEY (user, value)
) STRICT;
