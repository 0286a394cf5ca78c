"""Other libraries, observed while they work: one small module each, imported only where its library is."""
