"""Tells people when something stops, and when it works again: once per change of state, never per run.

A run ends, and each of its stages leaves what it is about in a state: ``ok`` (exit code 0), ``warned`` (3) or ``critical`` (1, 2,
4). 5 (another run is at work) and an interruption say nothing. Where that differs from what people were told last, they are told:
what stopped, how many leads, where to look. What is told holds no lead's data: no value, no id.
"""
