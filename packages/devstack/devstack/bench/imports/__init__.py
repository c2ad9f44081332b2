"""How long imports take: of outages that were settled elsewhere, and of declared ones with their workflows."""
