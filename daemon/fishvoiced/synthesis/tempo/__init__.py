"""Faster and slower speech at the same pitch. Pure: decides which sample is heard when, touches nothing else."""
