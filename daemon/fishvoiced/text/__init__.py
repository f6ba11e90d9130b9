"""From what a person wrote to what a voice reads: normalization, segments, pronunciation; pure."""
