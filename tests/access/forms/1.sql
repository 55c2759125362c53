CREATE TABLE meta ("key" TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key"));
CREATE TABLE users (name TEXT NOT NULL, role TEXT NOT NULL, cameras TEXT, password TEXT NOT
    NULL, changed_us INTEGER NOT NULL, created_us INTEGER NOT NULL, PRIMARY KEY (name));
CREATE TABLE tokens (id TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, role TEXT NOT
    NULL, cameras TEXT, created_us INTEGER NOT NULL, expires_us INTEGER, PRIMARY KEY (id),
    UNIQUE (name), UNIQUE (digest));
CREATE TABLE links (id TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL, camera INTEGER
    NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, made_by TEXT NOT NULL,
    created_us INTEGER NOT NULL, expires_us INTEGER NOT NULL, uses INTEGER, used INTEGER NOT
    NULL, PRIMARY KEY (id));
CREATE TABLE sessions (id TEXT NOT NULL, digest TEXT NOT NULL, user TEXT NOT NULL, created_us
    INTEGER NOT NULL, expires_us INTEGER NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL,
    PRIMARY KEY (id), UNIQUE (digest), FOREIGN KEY(user) REFERENCES users (name) ON DELETE
    CASCADE);
CREATE TABLE readers (link TEXT NOT NULL, reader TEXT NOT NULL, until_us INTEGER NOT NULL,
    PRIMARY KEY (link, reader), FOREIGN KEY(link) REFERENCES links (id) ON DELETE CASCADE);
INSERT INTO meta VALUES ('schema_version', '1'), ('revision', '7'), ('signing_key', '00ff');
