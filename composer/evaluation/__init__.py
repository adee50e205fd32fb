"""What every generator is judged by, on the same held-out music."""
