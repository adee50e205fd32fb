"""Views of a score as integers, under one law: decode(encode(s), frame(s)) == normalize(s)."""
