"""Whose turn it is: classes, turns of clients, promises, and which request ends which. Pure."""
