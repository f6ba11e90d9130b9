"""The user's own words: how names and terms are said, in ``words.toml``."""
