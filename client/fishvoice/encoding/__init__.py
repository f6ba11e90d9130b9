"""Sound in the formats that files and HTTP want; numpy, soundfile, soxr and PyAV stay behind this folder's doors."""
