"""Many honest clients, and everything that may befall them, in one seeded run with a ledger at its end."""
