"""What the warehouse can tell a person, as data: no prose and no HTML. ``web`` shows it, and so can any other face.

Everything here only reads. A value of a lead that is private (``Masking``) leaves this package masked, unless whoever asks may see it.
"""
