"""What every code of the network means for a payment, and what to do about it: one table, in parts."""
