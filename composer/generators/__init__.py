"""Distributions over sequences of integers. A generator knows no music."""
