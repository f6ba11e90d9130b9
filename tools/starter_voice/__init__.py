"""The recipe of the starter voice: text, speech, codebooks, decoder, language model, packing, judging."""
