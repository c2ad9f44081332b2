"""Outages, the policies they are judged by, disputes about the verdicts, and the SLA contract's attestation of them."""
