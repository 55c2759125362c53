CREATE TABLE conversions (id TEXT NOT NULL, type TEXT NOT NULL, camera INTEGER NOT NULL,
    start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, requested_us INTEGER NOT NULL, fps
    INTEGER NOT NULL, skip INTEGER NOT NULL, status TEXT NOT NULL, frames INTEGER NOT NULL,
    frames_done INTEGER NOT NULL, size INTEGER NOT NULL, started_us INTEGER, finished_us
    INTEGER, attempts INTEGER NOT NULL, error TEXT, PRIMARY KEY (id)) WITHOUT ROWID;
CREATE TABLE deletions (id INTEGER NOT NULL, at_us INTEGER NOT NULL, who TEXT NOT NULL, rule
    TEXT NOT NULL, camera INTEGER, images INTEGER NOT NULL, bytes INTEGER NOT NULL, oldest_us
    INTEGER NOT NULL, newest_us INTEGER NOT NULL, PRIMARY KEY (id));
CREATE TABLE events (camera INTEGER NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER, PRIMARY
    KEY (camera, start_us)) WITHOUT ROWID;
CREATE TABLE folders (camera INTEGER NOT NULL, folder TEXT NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, PRIMARY KEY (camera, folder)) WITHOUT ROWID;
CREATE TABLE hours (camera INTEGER NOT NULL, hour INTEGER NOT NULL, images INTEGER NOT NULL,
    bytes INTEGER NOT NULL, events INTEGER NOT NULL, PRIMARY KEY (camera, hour)) WITHOUT ROWID;
CREATE TABLE images (camera INTEGER NOT NULL, second INTEGER NOT NULL, number INTEGER NOT NULL,
    flat INTEGER NOT NULL, fraction_us INTEGER NOT NULL, size INTEGER NOT NULL, crc32 INTEGER,
    width INTEGER NOT NULL, height INTEGER NOT NULL, score FLOAT, boxes BLOB, event INTEGER,
    PRIMARY KEY (camera, second, number, flat)) WITHOUT ROWID;
CREATE TABLE meta ("key" TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key")) WITHOUT ROWID;
CREATE INDEX images_unread ON images (camera) WHERE crc32 IS NULL;
INSERT INTO meta VALUES ('schema_version', '2'), ('data_folder_id', 'abc');
