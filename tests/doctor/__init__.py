"""Tests of fishvoiced.doctor."""
