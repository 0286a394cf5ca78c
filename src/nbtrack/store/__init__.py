"""The store: a folder with a SQLite file, blobs, and journals. Only the keeper opens the SQLite file."""
