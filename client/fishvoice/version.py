"""The package's version, of client and daemon: importable without anything else."""

VERSION = "0.1.0"
