"""Sound out of a computer: loudspeaker, files, sentences of a stream."""
