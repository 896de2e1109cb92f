"""What the page's lineage view shows: every row by id, and the codes of all that was done to it. Never a text."""
