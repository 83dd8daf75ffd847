"""What the vendors publish of their APIs, and what holds the sandbox and our client against it: see ``contract.py``."""

from tests.contracts.published import convoso, leadping, leadsquared, pollybot

CONTRACTS = (
    convoso.CONTRACT,
    leadsquared.CONTRACT,
    *pollybot.CONTRACTS.values(),
    *leadping.CONTRACTS.values(),
)
