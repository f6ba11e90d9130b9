"""From what a person wrote to what the model reads: normalization, segments, pronunciation, tokens."""
