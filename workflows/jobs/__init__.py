"""Jobs: long work that is recorded, shown, cancelled and resumed."""
