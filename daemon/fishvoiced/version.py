"""The daemon's version, which is the package's."""

from fishvoice.version import VERSION

__version__ = VERSION
