"""How long reads of the API take among many outages, and every read that it offers."""
