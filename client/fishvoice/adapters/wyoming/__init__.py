"""The Wyoming protocol of home automation."""
