"""Shipped pair and study files."""
