"""From text to chunks of sound, for every kind of voice; knows no model, no codes, no frames."""
