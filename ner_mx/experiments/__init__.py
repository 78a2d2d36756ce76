"""Many runs: records of them, plans, replication, search."""
