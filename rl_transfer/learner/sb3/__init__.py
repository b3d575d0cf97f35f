"""The Stable-Baselines3 engine: the only place that imports the library."""
