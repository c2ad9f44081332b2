"""Payments: who may let them go, how they are signed for and sent, alone or together, and what stops them."""
