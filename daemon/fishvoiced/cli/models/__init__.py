"""The command ``fishvoice models``: what is installed, and getting more, of every kind."""
