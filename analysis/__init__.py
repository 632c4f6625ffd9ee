"""Meaning: estimates and pictures from contracted tables; no disk, no clock, no database."""
