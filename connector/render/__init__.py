"""Turns results into text, JSON and HTML; what makes the results holds no prose.

Each module shows one kind of result: ``…_text`` is what a terminal shows, ``…Document`` the struct that ``--json`` prints,
``…_document`` makes the struct from the result. ``plan_page`` is the plan as a page. ``text`` and ``document`` are what the
others share, and ``schemas`` describes the documents for programs and for docs/json.md.
"""
