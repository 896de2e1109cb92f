"""The ground floor: everything that touches files, plus the words (record, decision, event) all floors share."""
