"""Settlement: approvals and limits of payments, their attempts, alone or in batches, and what stops them."""
