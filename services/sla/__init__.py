"""Outages, the policies they are judged by, disputes about the verdicts, and the contract's confirmation on them."""
