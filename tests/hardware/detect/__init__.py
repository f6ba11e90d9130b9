"""Tests of fishvoiced.hardware.detect."""
