"""How long lists are read: a page from the nearer end, counts that stop, and searches that look at a part."""
