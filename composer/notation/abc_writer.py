"""placeholder"""
def write_tune(score): return ""
