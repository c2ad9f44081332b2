"""The meaning of every result code of the network, and its remedy: one table, in parts."""
