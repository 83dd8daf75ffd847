"""``leadloop serve``: pages over the warehouse, for whoever decides about pushes and whoever asks about a lead.

A face like ``cli``: it shows what ``views`` finds and starts what ``loop`` does, and decides nothing itself.
"""
