"""Hand-written stand-ins for what is slow, hot or far away; each implements one door of the product."""
