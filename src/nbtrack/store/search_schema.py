"""The step of the schema that makes texts searchable: an index of words (SQLite FTS5) over cells and notes.

A text is indexed once, however often its cell was executed: ``search_pieces`` has a row per text, ``search_uses`` says which
executions have it. The index keeps words and not texts; these are read from their blobs when an answer is written.

Triggers note what is new in ``search_waiting``, whoever wrote it (a drain, a merge, a conversion), and forget the words of
what is deleted.
"""

from __future__ import annotations

from typing import Final

TOKENIZER: Final = "unicode61 remove_diacritics 2"
COLUMNS: Final = ("source", "output", "error", "note")

SEARCH: Final = f"""
CREATE TABLE search_pieces (            -- key: the hash of the blob; of a run its id
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key BLOB NOT NULL,
    UNIQUE (kind, key)
);
CREATE TABLE search_uses (
    piece INTEGER NOT NULL, execution TEXT NOT NULL,
    PRIMARY KEY (piece, execution)
) WITHOUT ROWID;
CREATE TABLE search_waiting (           -- kind: cell (an execution) or run
    kind TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE search_words USING fts5(
    {", ".join(COLUMNS)}, content='', contentless_delete=1, tokenize='{TOKENIZER}'
);
INSERT INTO search_waiting SELECT 'cell', id FROM executions;
INSERT INTO search_waiting SELECT DISTINCT 'run', run_id FROM notes
    UNION SELECT 'run', runs.id FROM runs JOIN tracebacks ON tracebacks.run = runs.key;
CREATE TRIGGER search_sees_cell AFTER INSERT ON executions BEGIN
    INSERT OR IGNORE INTO search_waiting VALUES ('cell', NEW.id);
END;
CREATE TRIGGER search_loses_cell AFTER DELETE ON executions BEGIN
    DELETE FROM search_waiting WHERE kind = 'cell' AND id = OLD.id;
    DELETE FROM search_uses WHERE execution = OLD.id AND piece IN (
        SELECT id FROM search_pieces WHERE kind = 'source' AND key = unhex(substr(OLD.source, 13))
        UNION SELECT id FROM search_pieces WHERE kind = 'outputs' AND key = unhex(substr(OLD.outputs, 13)));
END;
CREATE TRIGGER search_loses_use AFTER DELETE ON search_uses
WHEN NOT EXISTS (SELECT 1 FROM search_uses WHERE piece = OLD.piece) BEGIN
    DELETE FROM search_words WHERE rowid = OLD.piece;
    DELETE FROM search_pieces WHERE id = OLD.piece;
END;
CREATE TRIGGER search_sees_note AFTER INSERT ON notes BEGIN
    INSERT OR IGNORE INTO search_waiting VALUES ('run', NEW.run_id);
END;
CREATE TRIGGER search_sees_other_note AFTER UPDATE ON notes BEGIN
    INSERT OR IGNORE INTO search_waiting VALUES ('run', NEW.run_id);
END;
CREATE TRIGGER search_loses_note AFTER DELETE ON notes BEGIN
    INSERT OR IGNORE INTO search_waiting VALUES ('run', OLD.run_id);
END;
CREATE TRIGGER search_sees_traceback AFTER INSERT ON tracebacks BEGIN
    INSERT OR IGNORE INTO search_waiting SELECT 'run', id FROM runs WHERE key = NEW.run;
END;
CREATE TRIGGER search_loses_run AFTER DELETE ON runs BEGIN
    INSERT OR IGNORE INTO search_waiting VALUES ('run', OLD.id);
END;
"""
