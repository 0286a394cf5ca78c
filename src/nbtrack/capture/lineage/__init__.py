"""What a cell reads, writes and changes: worked out around the cell, without touching its code or its objects."""
