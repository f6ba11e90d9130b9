"""The routes of the HTTP server, by whose interface they are."""
