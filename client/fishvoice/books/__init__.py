"""Books: their chapters as text, spoken to files that can be resumed."""
