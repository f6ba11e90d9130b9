"""The torch network: one definition of model and codec, and the checkpoints it is filled from."""
